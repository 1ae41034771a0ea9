import { sql } from 'drizzle-orm'
import type { Database } from '../db/client.ts'
import { codeOf } from '../errors.ts'

/**
 * A query over rows that do not fit into the smallest `work_mem`, so that they are written to disk and read from there:
 * twice as many as fit, 48 kB in half a millisecond, whatever the size of the database.
 */
export const setLeastMemory = sql`set_config('work_mem', '64kB', true)`
export const spillRows = sql`select count(*) from generate_series(1, 3000)`
const DISK_FULL = '53100'
const READ_ONLY = '25006'

/**
 * Finds out why the database accepts no changes although it answers; null where it accepts them. It changes nothing itself:
 * a query that does not fit into memory needs room on disk, as new rows do.
 *
 * @throws other errors of the database.
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

/** Describes the SQLSTATE of a failed write for an operator; null for a code that does not mean a database without writes. */
export function describeWriteFault(code: string | null): string | null {
  if (code === DISK_FULL)
    return 'The disk of the database is full (53100): nothing is recorded, so nothing is sent. Free some space there.'
  if (code === READ_ONLY)
    return (
      'The database is read-only: it is a standby, or was made read-only after a failover or when its disk was full. ' +
      'Check which server DATABASE_URL leads to, and make it writable.'
    )
  return null
}
