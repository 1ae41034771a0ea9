import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import type { Database } from '../../src/db/client.ts'

/** Does work on a database and tells the statements it took, among them those that begin and end transactions. */
export type CountedDatabase = {
  readonly count: <T>(work: (db: Database) => Promise<T>) => Promise<{ result: T; statements: readonly string[] }>
}

/** Opens a second door to the database of a pool, by which what is asked is written down. */
export function countStatements(pool: pg.Pool): CountedDatabase {
  const asked: string[] = []
  const logQuery = (statement: string) => {
    asked.push(statement)
  }
  const db = drizzle(pool, { casing: 'snake_case', logger: { logQuery } })
  return {
    count: async (work) => {
      asked.splice(0)
      const result = await work(db)
      return { result, statements: [...asked] }
    },
  }
}
