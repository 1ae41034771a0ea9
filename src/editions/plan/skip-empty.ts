import { sql } from 'drizzle-orm'
import type { Clock } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import type { SlotRequest } from '../plan-request.ts'
import { advanceDueTimes, lockDueCohorts } from './due-times.ts'

/**
 * Moves those cohorts of a slot past it for which nothing is new: those nobody is in, but for the home, and those without
 * an entry above the watermark and without a reader who is behind it. No batch is recalled for them. Returns the ids of the
 * cohorts that are left to plan.
 */
export async function skipCohortsWithoutNews(
  db: Database,
  order: SlotRequest,
  clock: Clock,
): Promise<readonly number[]> {
  return db.transaction(async (tx) => {
    const { cohorts, cohortIds } = await lockDueCohorts(tx, order, order.cohortIds)
    if (cohorts.length === 0) return []
    const quiet = await moveQuiet(tx, order.newsletterId, cohortIds)
    if (quiet.size === 0) return cohortIds
    const passed = cohorts.filter(({ id }) => quiet.has(id))
    await advanceDueTimes(tx, passed, order.slot, clock.now())
    return cohortIds.filter((id) => !quiet.has(id))
  })
}

/**
 * A statement of its own, after the lock, so that it sees what was committed before that; its one snapshot serves the bound
 * and the comparison. `case`, because only then are readers looked at last.
 */
async function moveQuiet(
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
    where c.id = any(${`{${cohortIds.join(',')}}`}::bigint[]) and case
      when not c.home and not exists (select from subscription s where s.cohort_id = c.id) then true
      when bound.id > c.seen_entry_id then false
      else not exists (
        select from subscription s where s.cohort_id = c.id and s.state = 'active' and s.seen_entry_id < bound.id
      )
    end
    returning c.id`)
  return new Set(moved.rows.map(({ id }) => id))
}
