import { sql } from 'drizzle-orm'
import type { Database } from '../db/client.ts'
import { codeOf } from '../errors.ts'

/**
 * Rows that do not fit into the least memory a query may have, so that they are written to disk and read from there: twice
 * as many as fit, 48 kB in half a millisecond, whatever the size of the database.
 */
export const setLeastMemory = sql`set_config('work_mem', '64kB', true)`
export const spillRows = sql`select count(*) from generate_series(1, 3000)`
const DISK_FULL = '53100'
const READ_ONLY = '25006'

/**
 * Why the database takes no changes though it answers; null where it does. It changes nothing itself: a query that does
 * not fit into its memory needs room on disk as new rows do.
 *
 * @throws other faults of the database.
 */
export async function findWriteFault(db: Database): Promise<string | null> {
  try {
    return await db.transaction(async (tx) => {
      const { rows } = await tx.execute<{ mode: string }>(
        sql`select current_setting('transaction_read_only') as mode, ${setLeastMemory}`,
      )
      if (rows[0]?.mode === 'on') return describeWriteFault(READ_ONLY)
      await tx.execute(spillRows)
      return null
    })
  } catch (error) {
    const reason = describeWriteFault(codeOf(error))
    if (reason === null) throw error
    return reason
  }
}

/** What the SQLSTATE of a failed write says; null for any that is none of a database that takes no changes. */
export function describeWriteFault(code: string | null): string | null {
  if (code === DISK_FULL)
    return 'The disk of the database is full (53100): nothing is recorded, so nothing is sent. Make room there.'
  if (code === READ_ONLY)
    return (
      'The database is read-only: it is a standby, or was set to that after a failover or on a full disk. ' +
      'Check which server DATABASE_URL leads to, and let it take changes.'
    )
  return null
}
