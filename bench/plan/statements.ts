import type pg from 'pg'
import { systemClock } from '../../src/clock.ts'

/** What one statement took, over all its runs. */
type Cost = { readonly statement: string; ms: number; runs: number }
/** A watch over the statements of a pool. */
export type Watch = { readonly reset: () => void; readonly dearest: (count: number) => readonly Cost[] }

const LETTERS_SHOWN = 90

/** Times each statement of the pool's connections from now on, from its leaving to its answer. */
export function watchStatements(pool: pg.Pool): Watch {
  const costs = new Map<string, Cost>()
  const watched = new WeakSet<pg.PoolClient>()
  pool.on('acquire', (client) => {
    if (watched.has(client)) return
    watched.add(client)
    const query: (...words: unknown[]) => unknown = client.query.bind(client)
    Object.assign(client, {
      query: async (...words: unknown[]) => {
        const startMs = systemClock.monotonicMs()
        const answer = await query(...words)
        add(costs, textOf(words[0]), systemClock.monotonicMs() - startMs)
        return answer
      },
    })
  })
  return {
    reset: () => costs.clear(),
    dearest: (count) => [...costs.values()].sort((a, b) => b.ms - a.ms).slice(0, count),
  }
}

function add(costs: Map<string, Cost>, text: string, ms: number): void {
  const statement = text.replace(/\s+/g, ' ').trim().slice(0, LETTERS_SHOWN)
  const cost = costs.get(statement) ?? { statement, ms: 0, runs: 0 }
  cost.ms += ms
  cost.runs += 1
  costs.set(statement, cost)
}

function textOf(query: unknown): string {
  if (typeof query === 'string') return query
  return typeof query === 'object' && query !== null && 'text' in query ? String(query.text) : ''
}
