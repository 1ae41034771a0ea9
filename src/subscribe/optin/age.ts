import { type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'

/** A request that nobody confirms lives so long. */
const LIFE = sql`interval '7 days'`

/** Whether the pending subscription `s` was last asked for more than 7 days ago: a condition. Asking anew begins anew. */
export function isExpired(now: Temporal.Instant): SQL<boolean> {
  const before = sql`${now.toString()}::timestamptz - ${LIFE}`
  return sql<boolean>`(s.created_at < ${before} and not exists (
    select from consent_record r
    where r.subscriber_id = s.subscriber_id and r.subscription_id = s.id and r.action = 'requested' and r.at >= ${before}))`
}
