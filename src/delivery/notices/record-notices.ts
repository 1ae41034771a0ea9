import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { ClaimedNotice } from './claim-notices.ts'
import { limitRejections } from './notice-rejections.ts'

/** A claimed notice and its outcome. */
export type NoticeResult = { readonly notice: ClaimedNotice; readonly outcome: Outcome }

/**
 * Writes the outcomes of notices, except those that another worker has taken over, and suppresses addresses whose mailbox does
 * not exist, unless there are too many (`limitRejections`). Returns the ids of those it wrote.
 */
export async function recordNotices(
  db: Database,
  results: readonly NoticeResult[],
  now: Temporal.Instant,
): Promise<ReadonlySet<number>> {
  if (!results.some(({ outcome }) => outcome.suppress)) return writeOutcomes(db, results, now)
  return db.transaction(async (tx) => writeOutcomes(tx, await limitRejections(tx, results, now), now))
}

async function writeOutcomes(
  db: Database,
  results: readonly NoticeResult[],
  now: Temporal.Instant,
): Promise<ReadonlySet<number>> {
  const rows = results.map(({ notice: { id, token }, outcome }) => ({
    id,
    token,
    state: stateOf(outcome),
    reason: [outcome.reason, outcome.reply].filter((part) => part !== null).join(': ') || null,
    reply: outcome.reply,
    retry_at: outcome.retryAt?.toString() ?? null,
    ambiguous: outcome.ambiguous,
    not_attempted: outcome.notAttempted,
    suppress: outcome.suppress,
  }))
  const at = now.toString()
  const written = await db.execute<{ id: number }>(sql`
    with result as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r
        (id bigint, token integer, state text, reason text, reply text, retry_at timestamptz, ambiguous boolean,
         not_attempted boolean, suppress boolean)
    ), written as (
      update notice n set
        state = r.state, reason = r.reason, ambiguous = n.ambiguous or r.ambiguous,
        attempts = n.attempts - case when r.not_attempted then 1 else 0 end,
        due_at = coalesce(r.retry_at, n.due_at), lease_until = null,
        sent_at = case when r.state = 'sent' then ${at}::timestamptz end
      from result r where n.id = r.id and n.token = r.token and n.state = 'sending'
      returning n.id, n.subscriber_id, r.reply, r.suppress
    ), suppressed as (
      insert into suppression (email_hash, email, reason, evidence, created_at)
      select distinct on (p.email_hash) p.email_hash, p.email, 'bounced', w.reply, ${at}::timestamptz
      from written w join subscriber p on p.id = w.subscriber_id
      where w.suppress
      on conflict (email_hash) do nothing
    )
    select id from written`)
  return new Set(written.rows.map((row) => row.id))
}

/** A notice that is to be tried again is queued as before. */
function stateOf({ state }: Outcome): 'queued' | 'sent' | 'failed' | 'skipped' {
  switch (state) {
    case 'deferred':
      return 'queued'
    case 'suppressed':
      return 'skipped'
    case 'queued':
    case 'sent':
    case 'failed':
    case 'skipped':
      return state
  }
}
