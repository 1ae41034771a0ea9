import { sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Database } from '../../db/client.ts'
import { anyOf } from '../../db/sql.ts'
import { plannedReader, plannedSelection } from '../../digest/planning-tables.ts'
import type { PlanRequest } from '../plan-request.ts'
import { possiblySent, type Slice, type SubscriberRange } from './audience.ts'

const reader = alias(plannedReader, 'r')
const selection = alias(plannedSelection, 'l')

/** Readers with fewer new articles than the newsletter's least number, and what they have seen. */
const belowMinimum = sql`
  select unnest(${selection.subscriptionIds}) as subscription_id, ${selection.seen}
  from ${plannedSelection} l where not ${selection.enough}`

/**
 * Moves the watermarks of what was just planned up to `boundEntryId`: those of the cohorts, while the readers' own are
 * cleared. Readers who wait for more articles or for a possibly sent delivery, or whose address is suppressed, keep theirs
 * as their own. Where cohort or reader have seen more than the bound (of an edition that is added to later), both keep
 * that. An edition for one reader moves that reader's own watermark alone.
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
      update subscription s set seen_entry_id = greatest(${reader.seen}, ${boundEntryId})
      from ${plannedReader} r where ${reader.subscriptionId} = s.id`)
    return
  }
  const cohorts = anyOf(slice.cohortIds)
  await keepBelowMinimum(tx)
  await tx.execute(sql`
    update subscription s set seen_entry_id =
      nullif(greatest(${reader.seen}, ${boundEntryId}), greatest(c.seen_entry_id, ${boundEntryId}))
    from ${plannedReader} r, cohort c
    where ${reader.own} and ${reader.subscriptionId} not in (select subscription_id from (${belowMinimum}) w)
      and s.id = ${reader.subscriptionId} and c.id = s.cohort_id`)
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

/** Readers who wait for more articles keep what they have seen as their own watermark. */
async function keepBelowMinimum(tx: Database): Promise<void> {
  await tx.execute(sql`
    update subscription s set seen_entry_id = w.seen
    from (${belowMinimum}) w
    where s.id = w.subscription_id and s.seen_entry_id is null`)
}
