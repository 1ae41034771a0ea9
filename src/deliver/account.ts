import { sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import type { Outcome } from './outcome.ts'
import type { Claimed } from './send/claim.ts'

/** A claimed delivery and what became of it. */
export type Result = { readonly claimed: Claimed; readonly outcome: Outcome }

/**
 * Writes outcomes of one edition and counts them on their shares: shares first, in id order and by token, so that a worker
 * whose share was taken over is refused; then the deliveries. Whoever ends without being sent gets the watermark back,
 * and a mailbox that is gone is suppressed. Returns the results that were refused; of these what a relay has accepted is
 * recorded all the same where nobody has begun it again.
 */
export async function accountResults(
  db: Database,
  results: readonly Result[],
  now: Temporal.Instant,
): Promise<readonly Result[]> {
  const ended = results.filter(({ outcome }) => isUnsent(outcome))
  const refused =
    ended.length === 0
      ? refusedOf(results, await writeResults(db, results, now))
      : await writeWithEnds(db, results, ended, now)
  const accepted = refused.filter(({ outcome }) => outcome.state === 'sent')
  if (accepted.length > 0) await recordLate(db, accepted, now)
  return refused
}

async function writeWithEnds(
  db: Database,
  results: readonly Result[],
  ended: readonly Result[],
  now: Temporal.Instant,
): Promise<readonly Result[]> {
  return db.transaction(async (tx) => {
    await lockCohortsOf(tx, ended)
    const held = await writeResults(tx, results, now)
    const mine = ended.filter(({ claimed }) => held.has(claimed.lease.shareId))
    await giveBack(tx, mine)
    await suppressGone(tx, mine, now)
    return refusedOf(results, held)
  })
}

const isUnsent = (outcome: Outcome) => ['failed', 'suppressed', 'skipped'].includes(outcome.state)

function refusedOf(results: readonly Result[], held: ReadonlySet<number>): readonly Result[] {
  return results.filter(({ claimed }) => !held.has(claimed.lease.shareId))
}

/**
 * One statement; returns the ids of the shares that were still the worker's. Counts only what was still `sending`, so
 * that repeating it after a lost answer to COMMIT changes nothing.
 */
async function writeResults(
  db: Database,
  results: readonly Result[],
  now: Temporal.Instant,
): Promise<ReadonlySet<number>> {
  const first = results[0]
  if (first === undefined) return new Set()
  const rows = results.map(({ claimed, outcome }) => ({
    share_id: claimed.lease.shareId,
    token: claimed.lease.token,
    seq: claimed.seq,
    state: outcome.state,
    reason: outcome.reason,
    reply: outcome.reply,
    retry_at: outcome.retryAt?.toString() ?? null,
    ambiguous: outcome.ambiguous,
    untried: outcome.untried,
  }))
  // Named, so that they are looked up: to join them to `result` alone, PostgreSQL reads all shares there ever were.
  const shareIds = `{${[...new Set(rows.map((row) => row.share_id))].join(',')}}`
  const held = await db.execute<{ id: number }>(sql`/* prepared account */
    with result as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r
        (share_id bigint, token integer, seq integer, state text, reason text, reply text, retry_at timestamptz, ambiguous boolean,
         untried boolean)
    ), held as (
      select s.id from share s
      where s.id = any(${shareIds}::bigint[]) and (s.id, s.token) in (select share_id, token from result)
      order by s.id for update
    ), written as (
      update delivery d set
        state = r.state, reason = r.reason, reply = r.reply, retry_at = r.retry_at, ambiguous = d.ambiguous or r.ambiguous,
        attempts = d.attempts - case when r.untried then 1 else 0 end,
        final_at = case when r.state in ('queued', 'deferred') then null else ${now.toString()}::timestamptz end
      from result r join held h on h.id = r.share_id
      where d.edition_id = ${first.claimed.lease.editionId} and d.seq = r.seq and d.state = 'sending'
      returning r.share_id, r.state
    ), counted as (
      update share s set
        sending = s.sending - c.claimed, sent = s.sent + c.sent, deferred = s.deferred + c.deferred,
        failed = s.failed + c.failed, suppressed = s.suppressed + c.suppressed, skipped = s.skipped + c.skipped
      from (
        select share_id, count(*) as claimed,
          count(*) filter (where state = 'sent') as sent,
          count(*) filter (where state = 'deferred') as deferred,
          count(*) filter (where state = 'failed') as failed,
          count(*) filter (where state = 'suppressed') as suppressed,
          count(*) filter (where state = 'skipped') as skipped
        from written group by share_id
      ) c
      where s.id = any(${shareIds}::bigint[]) and s.id = c.share_id
    )
    select id from held`)
  return new Set(held.rows.map((row) => row.id))
}

/**
 * Records messages that were accepted under a lease that is lost by now: their deliveries wait to be sent once more, and need
 * not be. What the new holder has claimed, or what has ended otherwise, stays as it is.
 */
async function recordLate(db: Database, accepted: readonly Result[], now: Temporal.Instant): Promise<void> {
  const editionId = accepted[0]?.claimed.lease.editionId ?? 0
  const rows = accepted.map(({ claimed, outcome }) => {
    return { share_id: claimed.lease.shareId, seq: claimed.seq, reply: outcome.reply }
  })
  const shareIds = `{${[...new Set(rows.map((row) => row.share_id))].join(',')}}`
  await db.execute(sql`
    with result as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (share_id bigint, seq integer, reply text)
    ), held as (
      select s.id from share s where s.id = any(${shareIds}::bigint[]) order by s.id for update
    ), waiting as (
      select d.seq, d.state, r.share_id, r.reply from result r join held h on h.id = r.share_id
      join delivery d on d.edition_id = ${editionId} and d.seq = r.seq and d.state in ('queued', 'deferred') and d.ambiguous
    ), written as (
      update delivery d set state = 'sent', reason = null, reply = w.reply, retry_at = null, final_at = ${now.toString()}
      from waiting w where d.edition_id = ${editionId} and d.seq = w.seq
    )
    update share s set sent = s.sent + c.sent, deferred = s.deferred - c.deferred
    from (
      select share_id, count(*)::integer as sent, (count(*) filter (where state = 'deferred'))::integer as deferred
      from waiting group by share_id
    ) c
    where s.id = any(${shareIds}::bigint[]) and s.id = c.share_id`)
}

/** Whoever changes a subscription holds its cohort, so that planning sees the change or waits for it. */
async function lockCohortsOf(tx: Database, results: readonly Result[]): Promise<void> {
  await tx.execute(sql`
    select id from cohort
    where id in (select cohort_id from subscription where id = any(${subscriptionsOf(results)}::bigint[]))
    order by id for share`)
}

/** The watermark the delivery started from becomes the reader's own again; the lower one wins. */
async function giveBack(tx: Database, results: readonly Result[]): Promise<void> {
  const first = results[0]
  if (first === undefined) return
  await tx.execute(sql`
    update subscription s set seen_entry_id = least(coalesce(s.seen_entry_id, c.seen_entry_id), d.start_entry_id)
    from delivery d, cohort c
    where d.edition_id = ${first.claimed.lease.editionId} and d.seq = any(${`{${results.map((one) => one.claimed.seq).join(',')}}`}::integer[])
      and s.id = d.subscription_id and c.id = s.cohort_id`)
}

async function suppressGone(tx: Database, results: readonly Result[], now: Temporal.Instant): Promise<void> {
  const gone = results.filter(({ outcome }) => outcome.suppress)
  if (gone.length === 0) return
  const rows = gone.map(({ claimed, outcome }) => ({ id: claimed.subscriptionId, reply: outcome.reply }))
  await tx.execute(sql`
    insert into suppression (email_hash, email, reason, evidence, created_at)
    select p.email_hash, p.email, 'bounced', g.reply, ${now.toString()}
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as g (id bigint, reply text)
    join subscription s on s.id = g.id
    join subscriber p on p.id = s.subscriber_id
    on conflict (email_hash) do nothing`)
}

const subscriptionsOf = (results: readonly Result[]) =>
  `{${results.map((one) => one.claimed.subscriptionId).join(',')}}`
