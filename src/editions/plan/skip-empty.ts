import { sql } from 'drizzle-orm'
import type { Clock } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { anyOf } from '../../db/sql.ts'
import type { SlotRequest } from '../plan-request.ts'
import { advanceDueTimes, lockDueCohorts } from './due-times.ts'

/**
 * Moves the cohorts of a slot for which nothing is new past it: those without readers, except for the home cohort, and
 * those without an entry above the watermark and without a reader who is behind it. No batch is recalled for them. Returns
 * the ids of the cohorts that are left to plan.
 */
export async function skipCohortsWithoutNews(
  db: Database,
  request: SlotRequest,
  clock: Clock,
): Promise<readonly number[]> {
  return db.transaction(async (tx) => {
    const { cohorts, cohortIds } = await lockDueCohorts(tx, request, request.cohortIds)
    if (cohorts.length === 0) return []
    const skippedIds = await moveWithoutNews(tx, request.newsletterId, cohortIds)
    if (skippedIds.size === 0) return cohortIds
    const skipped = cohorts.filter(({ id }) => skippedIds.has(id))
    await advanceDueTimes(tx, skipped, request.slot, clock.now())
    return cohortIds.filter((id) => !skippedIds.has(id))
  })
}

/**
 * A separate statement, after the lock, so that it sees what was committed before that; its one snapshot serves both the
 * bound and the comparison. Only `case` makes PostgreSQL look at the readers last.
 */
async function moveWithoutNews(
  tx: Database,
  newsletterId: number,
  cohortIds: readonly number[],
): Promise<ReadonlySet<number>> {
  const moved = await tx.execute<{ id: number }>(sql`
    with bound as (
      select coalesce(max(id), 0) as id from entry where newsletter_id = ${newsletterId}
    )
    update cohort c set seen_entry_id = greatest(c.seen_entry_id, bound.id)
    from bound
    where c.id = ${anyOf(cohortIds)} and case
      when not c.home and not exists (select from subscription s where s.cohort_id = c.id) then true
      when bound.id > c.seen_entry_id then false
      else not exists (
        select from subscription s where s.cohort_id = c.id and s.state = 'active' and s.seen_entry_id < bound.id
      )
    end
    returning c.id`)
  return new Set(moved.rows.map(({ id }) => id))
}
