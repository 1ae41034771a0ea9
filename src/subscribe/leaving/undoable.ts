import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'

/** A subscription whose leaving can be taken back, and what it was before. */
export type Undoable = {
  readonly id: number
  readonly cohortId: number
  readonly tokenVersion: number
  readonly was: 'active' | 'paused'
}

/**
 * The subscriptions left together with this one within the last hour, as the record of their leaving says; none when it
 * is not left, or longer. A request that was dropped is none of them: it can be made anew.
 */
export async function findUndoable(
  db: Database,
  subscriptionId: number,
  now: Temporal.Instant,
): Promise<readonly Undoable[]> {
  const found = await db.execute<Undoable>(sql`
    select s.id, s.cohort_id as "cohortId", s.token_version as "tokenVersion", r.details ->> 'from' as was
    from subscription own
    join subscription s on s.subscriber_id = own.subscriber_id and s.state = 'left' and s.left_at = own.left_at
    join newsletter l on l.id = s.newsletter_id and l.state <> 'deleted'
    join lateral (
      select details from consent_record r
      where r.subscriber_id = s.subscriber_id and r.subscription_id = s.id and r.action = 'left'
      order by r.id desc limit 1
    ) r on true
    where own.id = ${subscriptionId} and own.state = 'left'
      and own.left_at >= ${now.toString()}::timestamptz - interval '1 hour'
      and r.details ->> 'from' in ('active', 'paused') and (s.id = own.id or (r.details ->> 'all')::boolean)
    order by s.id`)
  return found.rows
}
