import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'

/**
 * Whoever comes to the table after a change that waits for it waits along: so long at most is a sending held up. A claim
 * and a commit of outcomes take milliseconds; a slice being planned takes longer, and the change is left to the next tick.
 */
const LONGEST_WAIT_MS = 200
/** `lock_not_available`. */
const LOCK_TIMEOUT = '55P03'

/** Changes the table in a transaction that waits for no lock longer than 200 ms; null when one was not to be had. */
export async function withLockTimeout<T>(db: Database, change: (tx: Database) => Promise<T>): Promise<T | null> {
  try {
    return await db.transaction(async (tx) => {
      await tx.execute(sql.raw(`set local lock_timeout = ${LONGEST_WAIT_MS}`))
      return change(tx)
    })
  } catch (error) {
    if (isLockTimeout(error)) return null
    throw error
  }
}

/** The driver's error lies in the cause. */
function isLockTimeout(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : null
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === LOCK_TIMEOUT
}
