import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { anyOf, givenBackWatermark } from '../../db/sql.ts'
import { lockCohortsForShare } from '../../newsletters/schedule/lock-cohorts.ts'
import type { Claimed } from '../claim.ts'
import type { Outcome } from '../outcome/outcome.ts'

/** A claimed delivery and its outcome. */
export type DeliveryResult = { readonly claimed: Claimed; readonly outcome: Outcome }

/** Writes outcomes of which some end unsent; their cohorts must be locked. */
export async function writeEnded(
  tx: Database,
  results: readonly DeliveryResult[],
  ended: readonly DeliveryResult[],
  now: Temporal.Instant,
): Promise<readonly DeliveryResult[]> {
  const held = await writeResults(tx, results, now)
  await giveWatermarksBack(
    tx,
    ended.filter(({ claimed }) => held.has(claimed.lease.batchId)),
  )
  return notHeld(results, held)
}

/** Whether the delivery ends without having been sent. */
export const isUnsent = (outcome: Outcome) => ['failed', 'suppressed', 'skipped'].includes(outcome.state)

/** The results whose batches are not held. */
export function notHeld(results: readonly DeliveryResult[], held: ReadonlySet<number>): readonly DeliveryResult[] {
  return results.filter(({ claimed }) => !held.has(claimed.lease.batchId))
}

/**
 * One statement; returns the ids of the batches that were still the worker's. Counts only what was still `sending`, so
 * that repeating it after a lost answer to COMMIT changes nothing.
 */
export async function writeResults(
  db: Database,
  results: readonly DeliveryResult[],
  now: Temporal.Instant,
): Promise<ReadonlySet<number>> {
  const first = results[0]
  if (first === undefined) return new Set()
  const rows = results.map(({ claimed, outcome }) => ({
    batch_id: claimed.lease.batchId,
    token: claimed.lease.token,
    seq: claimed.seq,
    state: outcome.state,
    reason: outcome.reason,
    reply: outcome.reply,
    retry_at: outcome.retryAt?.toString() ?? null,
    ambiguous: outcome.ambiguous,
    not_attempted: outcome.notAttempted,
  }))
  // Given as ids, so that they are looked up: with a join to `result` alone, PostgreSQL would scan all batches.
  const batchIds = `{${[...new Set(rows.map((row) => row.batch_id))].join(',')}}`
  const held = await db.execute<{ id: number }>(sql`/* prepared account */
    with result as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r
        (batch_id bigint, token integer, seq integer, state text, reason text, reply text, retry_at timestamptz, ambiguous boolean,
         not_attempted boolean)
    ), held as (
      select s.id from batch s
      where s.id = any(${batchIds}::bigint[]) and (s.id, s.token) in (select batch_id, token from result)
      order by s.id for update
    ), written as (
      update delivery d set
        state = r.state, reason = r.reason, reply = r.reply, retry_at = r.retry_at, ambiguous = d.ambiguous or r.ambiguous,
        attempts = d.attempts - case when r.not_attempted then 1 else 0 end,
        final_at = case when r.state in ('queued', 'deferred') then null else ${now.toString()}::timestamptz end
      from result r join held h on h.id = r.batch_id
      where d.edition_id = ${first.claimed.lease.editionId} and d.seq = r.seq and d.state = 'sending'
      returning r.batch_id, r.state
    ), counted as (
      update batch s set
        sending = s.sending - c.claimed, sent = s.sent + c.sent, deferred = s.deferred + c.deferred,
        failed = s.failed + c.failed, suppressed = s.suppressed + c.suppressed, skipped = s.skipped + c.skipped
      from (
        select batch_id, count(*) as claimed,
          count(*) filter (where state = 'sent') as sent,
          count(*) filter (where state = 'deferred') as deferred,
          count(*) filter (where state = 'failed') as failed,
          count(*) filter (where state = 'suppressed') as suppressed,
          count(*) filter (where state = 'skipped') as skipped
        from written group by batch_id
      ) c
      where s.id = any(${batchIds}::bigint[]) and s.id = c.batch_id
    )
    select id from held`)
  return new Set(held.rows.map((row) => row.id))
}

/** Every change of a subscription locks its cohort, so that planning sees the change or waits for it. */
export async function lockCohortsOfSubscriptions(tx: Database, subscriptionIds: readonly number[]): Promise<void> {
  await lockCohortsForShare(tx, sql`id in (select cohort_id from subscription where id = ${anyOf(subscriptionIds)})`)
}

/** The watermark the delivery started from becomes the reader's own again; the lower one wins. */
async function giveWatermarksBack(tx: Database, results: readonly DeliveryResult[]): Promise<void> {
  const first = results[0]
  if (first === undefined) return
  await tx.execute(sql`
    update subscription s set seen_entry_id = ${givenBackWatermark(sql`d.start_entry_id`)}
    from delivery d, cohort c
    where d.edition_id = ${first.claimed.lease.editionId} and d.seq = any(${`{${results.map((one) => one.claimed.seq).join(',')}}`}::integer[])
      and s.id = d.subscription_id and c.id = s.cohort_id`)
}

/** The subscription ids of these results. */
export const subscriptionsOf = (results: readonly DeliveryResult[]) => results.map((one) => one.claimed.subscriptionId)
