import { type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import type { Schedule } from './slots.ts'

/** A cohort whose row the transaction has locked. */
export type LockedCohort = Schedule & {
  readonly id: number
  readonly newsletterId: number
  readonly home: boolean
  readonly members: number
  readonly seenEntryId: number
}

/**
 * Locks cohorts for a change of their subscriptions, and returns their ids. Many may hold this lock at once; planning
 * waits for them, so that a watermark read from now on holds. As with every lock on cohorts, rows come in id order.
 */
export async function lockCohortsForShare(tx: Database, which: SQL): Promise<readonly number[]> {
  const locked = await tx.execute<{ id: number }>(sql`select id from cohort where ${which} order by id for share`)
  return locked.rows.map(({ id }) => id)
}

/** Locks cohorts for a change of their own that leaves foreign keys alone: new subscriptions may refer to them meanwhile. */
export async function lockCohortsForNoKeyUpdate(tx: Database, which: SQL): Promise<readonly LockedCohort[]> {
  const locked = await tx.execute<LockedCohort>(sql`${select(which)} for no key update`)
  return locked.rows
}

/** Locks cohorts for planning: nothing refers to them anew, and none of their subscriptions changes. */
export async function lockCohortsForUpdate(tx: Database, which: SQL): Promise<readonly LockedCohort[]> {
  const locked = await tx.execute<LockedCohort>(sql`${select(which)} for update`)
  return locked.rows
}

const select = (which: SQL) => sql`
  select id, newsletter_id as "newsletterId", home, frequency, weekday, hour, zone, members, seen_entry_id as "seenEntryId"
  from cohort where ${which} order by id`
