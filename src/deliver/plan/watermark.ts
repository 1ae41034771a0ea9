import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import type { Slice } from './audience.ts'
import { inDoubt } from './doubt.ts'
import type { PlanOrder } from './order.ts'

/**
 * Moves the watermarks of what was just planned up to `boundEntryId`: the cohorts', and the readers' own are cleared, but
 * for those who wait for more articles or for a delivery in doubt, or whose address is suppressed: they take theirs along. Where cohort or reader
 * have seen more than the bound (of an edition that is added to later), both keep that. An edition for one reader moves
 * that reader's own alone.
 */
export async function moveWatermarks(
  tx: Database,
  slice: Slice,
  { newsletterId, onlySubscriptionId }: Pick<PlanOrder, 'newsletterId' | 'onlySubscriptionId'>,
  boundEntryId: number,
): Promise<void> {
  if (onlySubscriptionId !== null) {
    await tx.execute(sql`
      update subscription s set seen_entry_id = greatest(r.seen, ${boundEntryId})
      from planned_reader r where r.subscription_id = s.id`)
    return
  }
  const cohorts = sql`any(${`{${slice.cohortIds.join(',')}}`}::bigint[])`
  await tx.execute(sql`
    update subscription s set seen_entry_id = case when w.id is null
      then nullif(greatest(r.seen, ${boundEntryId}), greatest(c.seen_entry_id, ${boundEntryId})) else r.seen end
    from cohort c, planned_reader r
    left join (
      select g.* from planned_group g join planned_selection l on l.group_id = g.id and not l.enough where not g.home
    ) w on w.topics = r.topics and w.locale = r.locale and w.format = r.format and w.seen = r.seen and w.since = r.since
    where r.subscription_id = s.id and c.id = s.cohort_id and (s.seen_entry_id is not null or w.id is not null)`)
  await tx.execute(sql`
    update subscription s set seen_entry_id = c.seen_entry_id
    from cohort c, subscriber p, suppression x
    where s.cohort_id = ${cohorts} and c.id = s.cohort_id and p.id = s.subscriber_id and x.email_hash = p.email_hash
      and s.state = 'active' and s.seen_entry_id is null`)
  await tx.execute(sql`
    update subscription s set seen_entry_id = c.seen_entry_id
    from cohort c
    where s.cohort_id = ${cohorts} and c.id = s.cohort_id and s.state = 'active' and s.seen_entry_id is null
      and s.id in (${inDoubt(newsletterId)})`)
  await tx.execute(sql`
    update cohort set seen_entry_id = greatest(seen_entry_id, ${boundEntryId}) where id = ${cohorts}`)
}
