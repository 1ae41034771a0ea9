import { setTimeout as pause } from 'node:timers/promises'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import type { Database } from '../../src/db/client.ts'

/** How long statements take on their way to the database, and answers on their way back; milliseconds of the machine. */
export type Delay = { readonly thereMs: number; readonly backMs: number }

type Query = (...args: unknown[]) => Promise<unknown>

/** The same database, far away: every statement of a transaction or alone is delayed as `delay` says at that moment. */
export function farAway(pool: pg.Pool, delay: () => Delay): Database {
  const delayed =
    (query: Query): Query =>
    async (...args) => {
      const { thereMs, backMs } = delay()
      await pause(thereMs)
      const answer = await query(...args)
      await pause(backMs)
      return answer
    }
  const connect = async () => {
    const client = await pool.connect()
    return withQuery(client, delayed(client.query.bind(client) as Query))
  }
  const query = delayed(pool.query.bind(pool) as Query)
  return drizzle(withQuery(pool, query, connect), { casing: 'snake_case' })
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
