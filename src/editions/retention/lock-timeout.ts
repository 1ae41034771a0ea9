import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'

/**
 * A statement that waits for a table lock makes every later one on the table wait too, so this is how long sending may be
 * held up. A claim and a commit of outcomes take milliseconds; planning a slice takes longer, and then the change is left
 * to the next tick.
 */
const MAX_WAIT_MS = 200
/** SQLSTATE `lock_not_available`. */
const LOCK_TIMEOUT = '55P03'

/** Runs `change` in a transaction that waits for no lock longer than 200 ms; null when it could not get one. */
export async function withLockTimeout<T>(db: Database, change: (tx: Database) => Promise<T>): Promise<T | null> {
  try {
    return await db.transaction(async (tx) => {
      await tx.execute(sql.raw(`set local lock_timeout = ${MAX_WAIT_MS}`))
      return change(tx)
    })
  } catch (error) {
    if (isLockTimeout(error)) return null
    throw error
  }
}

/** Drizzle keeps the driver's error as the cause. */
function isLockTimeout(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : null
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === LOCK_TIMEOUT
}
