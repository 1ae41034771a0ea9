import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { type Database, databaseOn } from '../../src/db/client.ts'

/** Runs other statements on the connection that a statement is about to use. */
export type Ask = (text: string, values?: readonly unknown[]) => Promise<unknown>
/** Does a statement, BEGIN and COMMIT included, by `run`, and whatever is to happen before and after it. */
export type Hook = (text: string, run: () => Promise<unknown>, ask: Ask) => Promise<unknown>
type Query = (...args: unknown[]) => Promise<unknown>

/** The same database, each statement of which, in a transaction or alone, goes through the hook. */
export function hookStatements(pool: pg.Pool, hook: Hook): Database {
  const hooked =
    (query: Query): Query =>
    (...args) =>
      hook(textOf(args[0]), () => query(...args), query as Ask)
  const connect = async () => {
    const client = await pool.connect()
    return withQuery(client, hooked(client.query.bind(client) as Query))
  }
  return databaseOn(withQuery(pool, hooked(pool.query.bind(pool) as Query), connect))
}

/** How long statements take on their way to the database, and answers on their way back; milliseconds of the machine. */
export type Delay = { readonly thereMs: number; readonly backMs: number }

/** The same database, far away: every statement is delayed as `delay` says at that moment. */
export function farAway(pool: pg.Pool, delay: () => Delay): Database {
  return hookStatements(pool, async (_, run) => {
    const { thereMs, backMs } = delay()
    await pause(thereMs)
    const answer = await run()
    await pause(backMs)
    return answer
  })
}

function textOf(query: unknown): string {
  if (typeof query === 'string') return query
  return typeof query === 'object' && query !== null && 'text' in query ? String(query.text) : ''
}

function withQuery<T extends object>(real: T, query: Query, connect?: () => Promise<unknown>): T {
  return new Proxy(real, {
    get: (target, name) => {
      if (name === 'query') return query
      if (name === 'connect' && connect !== undefined) return connect
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}
