import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import type { PlanRequest } from '../plan-request.ts'
import type { Slice, SubscriberRange } from './audience.ts'
import { possiblySent } from './possibly-sent.ts'

/** Who has too few new articles, and what they have seen. */
const waiting = sql`select unnest(subscription_ids) as subscription_id, seen from planned_selection where not enough`

/**
 * Moves the watermarks of what was just planned up to `boundEntryId`: the cohorts', and the readers' own are cleared, but
 * for those who wait for more articles or for a delivery in doubt, or whose address is suppressed: they take theirs along.
 * Where cohort or reader have seen more than the bound (of an edition that is added to later), both keep that. An edition
 * for one reader moves that reader's own alone.
 */
export async function moveWatermarks(
  tx: Database,
  slice: Slice,
  { first, last }: SubscriberRange,
  { onlySubscriptionId }: Pick<PlanRequest, 'onlySubscriptionId'>,
  boundEntryId: number,
): Promise<void> {
  if (onlySubscriptionId !== null) {
    await tx.execute(sql`
      update subscription s set seen_entry_id = greatest(r.seen, ${boundEntryId})
      from planned_reader r where r.subscription_id = s.id`)
    return
  }
  const cohorts = sql`any(${`{${slice.cohortIds.join(',')}}`}::bigint[])`
  await takeAlong(tx)
  await tx.execute(sql`
    update subscription s set seen_entry_id =
      nullif(greatest(r.seen, ${boundEntryId}), greatest(c.seen_entry_id, ${boundEntryId}))
    from planned_reader r, cohort c
    where r.own and r.subscription_id not in (select subscription_id from (${waiting}) w) and s.id = r.subscription_id
      and c.id = s.cohort_id`)
  await tx.execute(sql`
    update subscription s set seen_entry_id = c.seen_entry_id
    from cohort c, subscriber p, suppression x
    where s.cohort_id = ${cohorts} and c.id = s.cohort_id and p.id = s.subscriber_id
      and p.id between ${first} and ${last} and x.email_hash = p.email_hash
      and s.state = 'active' and s.seen_entry_id is null`)
  await tx.execute(sql`
    update subscription s set seen_entry_id = c.seen_entry_id
    from cohort c
    where s.cohort_id = ${cohorts} and c.id = s.cohort_id and s.state = 'active' and s.seen_entry_id is null
      and s.id in (${possiblySent})`)
  await tx.execute(sql`
    update cohort set seen_entry_id = greatest(seen_entry_id, ${boundEntryId}) where id = ${cohorts}`)
}

/** Those who wait for more articles keep what they have seen as their own. */
async function takeAlong(tx: Database): Promise<void> {
  await tx.execute(sql`
    update subscription s set seen_entry_id = w.seen
    from (${waiting}) w
    where s.id = w.subscription_id and s.seen_entry_id is null`)
}
