import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { DOUBT, MOST_REFUSED, WINDOW } from '../account/bound.ts'
import type { Outcome } from '../outcome.ts'

/** A notice that was refused for good, and the suppression it ended with. */
type Refused = { readonly id: number; readonly suppressionId: number }

/** How the reason of one begins whose refusal the operator believed: it counts no more. */
const BELIEVED = 'the refusal was believed'
/** A relay that is well again is found out by what it refused; requests that nobody can confirm end after 7 days. */
const TRY_AGAIN_MINUTES = 60

/** The notices that wait since too many were refused; as literals, so that the index over the open notices serves. */
const isDoubted = sql`n.state in ('queued', 'sending') and n.state = 'queued' and starts_with(n.reason, ${DOUBT})`

/**
 * Of the last 1,000 notices with an outcome no more than 20 are believed to be refused for good: one more, and these wait with
 * it instead, nobody is suppressed, and so on until the operator has decided (`resumeNotices`). Two workers may each let one
 * more pass, which the next takes back with all others.
 */
export async function doubtRefusals<Result extends { readonly outcome: Outcome }>(
  tx: Database,
  results: readonly Result[],
  now: Temporal.Instant,
): Promise<readonly Result[]> {
  const hard = results.filter(({ outcome }) => outcome.suppress)
  const earlier = await readRefused(tx)
  if (earlier.length + hard.length <= MOST_REFUSED && (await countDoubted(tx)) === 0) return results
  await takeBack(tx, earlier, now)
  const retryAt = now.add({ minutes: TRY_AGAIN_MINUTES })
  return results.map((one) => {
    const { outcome } = one
    if (!outcome.suppress) return one
    const reason = `${DOUBT}: ${outcome.reason}`
    return { ...one, outcome: { ...outcome, state: 'deferred', reason, suppress: false, retryAt } }
  })
}

/** How many notices wait for somebody to look at their refusals. */
export async function countDoubted(db: Database): Promise<number> {
  const rows = await db.execute<{ count: number }>(
    sql`select count(*)::integer as count from notice n where ${isDoubted}`,
  )
  return rows.rows[0]?.count ?? 0
}

/**
 * Lets the notices that wait for their refusals go on: tried again at once or, where the operator believes that the mailboxes
 * are gone, ended with a suppression each. Returns how many there were.
 */
export async function resumeNotices(db: Database, now: Temporal.Instant, believes: boolean): Promise<number> {
  const at = now.toString()
  const resumed = believes
    ? await db.execute(sql`
        with ended as (
          update notice n set state = 'failed', reason = ${BELIEVED} || substr(n.reason, ${DOUBT.length + 1}::integer)
          where ${isDoubted} returning n.id, n.subscriber_id, n.reason
        ), gone as (
          insert into suppression (email_hash, email, reason, evidence, created_at)
          select distinct on (p.email_hash) p.email_hash, p.email, 'bounced', e.reason, ${at}::timestamptz
          from ended e join subscriber p on p.id = e.subscriber_id
          on conflict (email_hash) do nothing
        )
        select id from ended`)
    : await db.execute(
        sql`update notice n set due_at = ${at}::timestamptz, reason = null where ${isDoubted} returning n.id`,
      )
  return resumed.rows.length
}

/** Which of the last notices were refused for good, and are suppressed for it. */
async function readRefused(tx: Database): Promise<readonly Refused[]> {
  const rows = await tx.execute<Refused>(sql`
    select n.id, x.id as "suppressionId"
    from (
      select id, subscriber_id, state, reason, created_at from notice
      where state in ('sent', 'failed') order by id desc limit ${WINDOW}
    ) n
    join subscriber p on p.id = n.subscriber_id
    join suppression x on x.email_hash = p.email_hash and x.reason = 'bounced' and x.edition_id is null
      and x.created_at >= n.created_at
    where n.state = 'failed' and not starts_with(coalesce(n.reason, ''), ${BELIEVED})
    order by n.id`)
  return rows.rows
}

async function takeBack(tx: Database, refused: readonly Refused[], now: Temporal.Instant): Promise<void> {
  if (refused.length === 0) return
  const suppressions = `{${refused.map(({ suppressionId }) => suppressionId).join(',')}}`
  const notices = `{${refused.map(({ id }) => id).join(',')}}`
  await tx.execute(sql`select from suppression where id = any(${suppressions}::bigint[]) order by id for update`)
  await tx.execute(sql`delete from suppression where id = any(${suppressions}::bigint[])`)
  await tx.execute(sql`
    update notice set state = 'queued', reason = ${`${DOUBT}: `} || coalesce(reason, ''),
      due_at = ${now.add({ minutes: TRY_AGAIN_MINUTES }).toString()}
    where id = any(${notices}::bigint[]) and state = 'failed'`)
}
