import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { type Outcome, retryLater } from '../outcome/outcome.ts'
import type { Backoff } from '../outcome/reply-class.ts'
import { MOST_REJECTED, TOO_MANY_REJECTIONS, WINDOW } from '../results/rejection-limit.ts'
import type { ClaimedNotice } from './claim-notices.ts'

/** A notice that was rejected permanently, and the resulting suppression. */
type SuppressedNotice = { readonly id: number; readonly suppressionId: number }

/** How the reason of one begins whose rejection the operator accepted: it counts no more. */
const ACCEPTED = 'the rejection was accepted'
/** Older rejections are not counted: over the months more than twenty people mistype their address. */
const COUNTED_FOR = { hours: 1 }
/** Retrying what a relay rejected shows whether it works again. */
const TRY_AGAIN: Backoff = { first: 60, growth: 2, longest: 12 * 60 }

/** The notices postponed since too many were rejected; with literals, so that the index over open notices can be used. */
const isPostponed = sql`n.state in ('queued', 'sending') and starts_with(n.reason, ${TOO_MANY_REJECTIONS})`
/** Those of them that no worker is sending. */
const isWaiting = sql`${isPostponed} and n.state = 'queued'`

/**
 * Accepts no more than 20 permanent rejections of notices an hour: with one more, all of them are postponed and retried until 48
 * hours after they were requested. No address is suppressed while any of them waits, unless the operator decides so
 * (`resumeNotices`). Two workers may each let one more pass, which the next rejection reverts with all others.
 */
export async function limitRejections<Result extends { readonly notice: ClaimedNotice; readonly outcome: Outcome }>(
  tx: Database,
  results: readonly Result[],
  now: Temporal.Instant,
): Promise<readonly Result[]> {
  const hard = results.filter(({ outcome }) => outcome.suppress)
  const earlier = await readRejected(tx, now)
  if (earlier.length + hard.length <= MOST_REJECTED && (await countPostponed(tx)) === 0) return results
  await revertNoticeSuppressions(tx, earlier, now)
  return results.map((one) => {
    const { notice, outcome } = one
    if (!outcome.suppress) return one
    const attempt = { attempts: notice.attempts, giveUpFrom: notice.createdAt, jitter: Math.random() }
    return {
      ...one,
      outcome: retryLater(attempt, now, `${TOO_MANY_REJECTIONS}: ${outcome.reason}`, outcome.reply, TRY_AGAIN),
    }
  })
}

/** How many notices are postponed because of too many rejections: they wait, or are being sent again. */
export async function countPostponed(db: Database): Promise<number> {
  const rows = await db.execute<{ count: number }>(
    sql`select count(*)::integer as count from notice n where ${isPostponed}`,
  )
  return rows.rows[0]?.count ?? 0
}

/**
 * Lets the notices that wait for their refusals go on: tried again at once or, where the operator accepts that the mailboxes
 * are gone, ended with a suppression each. Returns how many there were.
 */
export async function resumeNotices(db: Database, now: Temporal.Instant, accepts: boolean): Promise<number> {
  const at = now.toString()
  const resumed = accepts
    ? await db.execute(sql`
        with ended as (
          update notice n set state = 'failed', reason = ${ACCEPTED} || substr(n.reason, ${TOO_MANY_REJECTIONS.length + 1}::integer)
          where ${isWaiting} returning n.id, n.subscriber_id, n.reason
        ), gone as (
          insert into suppression (email_hash, email, reason, evidence, created_at)
          select distinct on (p.email_hash) p.email_hash, p.email, 'bounced', e.reason, ${at}::timestamptz
          from ended e join subscriber p on p.id = e.subscriber_id
          on conflict (email_hash) do nothing
        )
        select id from ended`)
    : await db.execute(
        sql`update notice n set due_at = ${at}::timestamptz, reason = null where ${isWaiting} returning n.id`,
      )
  return resumed.rows.length
}

/** Reads which of the last notices were rejected permanently in the last hour and suppressed for it. */
async function readRejected(tx: Database, now: Temporal.Instant): Promise<readonly SuppressedNotice[]> {
  const rows = await tx.execute<SuppressedNotice>(sql`
    select n.id, x.id as "suppressionId"
    from (
      select id, subscriber_id, state, reason, created_at from notice
      where state in ('sent', 'failed') order by id desc limit ${WINDOW}
    ) n
    join subscriber p on p.id = n.subscriber_id
    join suppression x on x.email_hash = p.email_hash and x.reason = 'bounced' and x.edition_id is null
      and x.created_at >= greatest(n.created_at, ${now.subtract(COUNTED_FOR).toString()}::timestamptz)
    where n.state = 'failed' and not starts_with(coalesce(n.reason, ''), ${ACCEPTED})
    order by n.id`)
  return rows.rows
}

async function revertNoticeSuppressions(
  tx: Database,
  rejected: readonly SuppressedNotice[],
  now: Temporal.Instant,
): Promise<void> {
  if (rejected.length === 0) return
  const suppressions = `{${rejected.map(({ suppressionId }) => suppressionId).join(',')}}`
  const notices = `{${rejected.map(({ id }) => id).join(',')}}`
  await tx.execute(sql`select from suppression where id = any(${suppressions}::bigint[]) order by id for update`)
  await tx.execute(sql`delete from suppression where id = any(${suppressions}::bigint[])`)
  await tx.execute(sql`
    update notice set state = 'queued', reason = ${`${TOO_MANY_REJECTIONS}: `} || coalesce(reason, ''),
      due_at = ${now.add({ minutes: TRY_AGAIN.first }).toString()}
    where id = any(${notices}::bigint[]) and state = 'failed'`)
}
