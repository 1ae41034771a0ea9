import { type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'

/** A request that nobody confirms lives so long. */
const LIFE = sql`interval '7 days'`

/** A reminder is queued two days after the mail it repeats, and its link lives no longer than that one's. */
const REMINDER_LIFE = sql`interval '5 days'`

/** Whether the link of the opt-in mail `n` is too old to confirm anything, whatever was asked for since: a condition. */
export function isMailExpired(now: Temporal.Instant): SQL<boolean> {
  return sql<boolean>`(n.created_at
    < ${now.toString()}::timestamptz - case n.kind when 'reminder' then ${REMINDER_LIFE} else ${LIFE} end)`
}

/** Whether the pending subscription `s` was last asked for more than 7 days ago: a condition. Asking anew begins anew. */
export function isExpired(now: Temporal.Instant): SQL<boolean> {
  const before = sql`${now.toString()}::timestamptz - ${LIFE}`
  return sql<boolean>`(s.created_at < ${before} and not exists (
    select from consent_record r
    where r.subscriber_id = s.subscriber_id and r.subscription_id = s.id and r.action = 'requested' and r.at >= ${before}))`
}
