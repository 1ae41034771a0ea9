import { type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'

/** A subscription whose leaving can be taken back, what it was before, and the record that proves its leaving. */
export type Undoable = {
  readonly id: number
  readonly cohortId: number
  readonly tokenVersion: number
  readonly recordId: number
  readonly was: 'active' | 'paused'
}

/** The last leaving of a subscription. */
export const lastUnsubscribeOf = (subscriptionId: number): SQL<number> =>
  sql<number>`(select max(r.id) from consent_record r join subscription s on s.id = r.subscription_id
    where s.id = ${subscriptionId} and r.subscriber_id = s.subscriber_id and r.action = 'unsubscribed')`

/**
 * The subscriptions left together by the act of this consent record within the last hour; none when its reader has done
 * anything since, or later. A request that was dropped is none of them: it can be made anew.
 */
export async function findUndoable(
  db: Database,
  act: SQL<number>,
  now: Temporal.Instant,
): Promise<readonly Undoable[]> {
  const found = await db.execute<Undoable>(sql`
    select s.id, s.cohort_id as "cohortId", s.token_version as "tokenVersion", r.id as "recordId",
      r.details ->> 'from' as was
    from consent_record act
    join subscription own on own.id = act.subscription_id and own.state = 'unsubscribed' and own.unsubscribed_at = act.at
    join subscription s on s.subscriber_id = own.subscriber_id and s.state = 'unsubscribed' and s.unsubscribed_at = own.unsubscribed_at
    join newsletter l on l.id = s.newsletter_id and l.state <> 'deleted'
    join lateral (
      select id, details from consent_record r
      where r.subscriber_id = s.subscriber_id and r.subscription_id = s.id and r.action = 'unsubscribed'
      order by r.id desc limit 1
    ) r on true
    where act.id = ${act} and act.action = 'unsubscribed' and act.at >= ${now.toString()}::timestamptz - interval '1 hour'
      and not exists (select from consent_record later where later.subscriber_id = act.subscriber_id
        and later.subscription_id = act.subscription_id and later.action = 'unsubscribed' and later.id > act.id)
      and r.details ->> 'from' in ('active', 'paused') and (s.id = own.id or (r.details ->> 'all')::boolean)
    order by s.id`)
  return found.rows
}
