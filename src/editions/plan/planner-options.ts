import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'

/**
 * For the rest of the transaction: the planner knows too little of rows made a moment ago and would sort readers by their
 * topics to merge them, or begin at the other end of an index. What it sorts and hashes for 100,000 readers has room; it
 * takes a tenth of that, but is reckoned at all of it, and would be sorted instead. Of 3,000 rows, not 30,000, it learns
 * enough.
 */
export async function setPlannerOptions(tx: Database): Promise<void> {
  await tx.execute(
    sql`select set_config('enable_mergejoin', 'off', true), set_config('work_mem', '128MB', true), set_config('jit', 'off', true),
      set_config('default_statistics_target', '10', true)`,
  )
}
