import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { ChangedConcurrently, retryOnConflict } from '../../db/retry-transaction.ts'
import { type Evidence, recordConsent } from '../consent.ts'
import { lockCohortsOf } from '../subscriptions.ts'
import { type LinkKeys, readLink } from '../tokens.ts'
import { forgetWithdrawals } from '../withdrawal.ts'
import {
  describeUnsubscribe,
  type FoundSubscription,
  findSubscription,
  makeUndoToken,
  type UnsubscribeView,
} from './find-by-token.ts'
import { findUndoable, type Undoable } from './undoable.ts'

/** What an undo token would bring back, or has; null for no such token, or when its hour is over. Changes nothing. */
export async function readUndo(
  db: Database,
  keys: LinkKeys,
  token: string,
  now: Temporal.Instant,
): Promise<UnsubscribeView | null> {
  const act = await readAct(db, keys, token, now)
  return act && tellUndo(db, keys, act, now)
}

/**
 * Brings back, as they were, the subscriptions left together within the last hour; nothing is missed and nothing comes
 * twice. A second time it changes nothing. Null for no such token, or when its hour is over.
 *
 * @throws CourantError `subscriber.busy`.
 */
export async function undoUnsubscribe(
  db: Database,
  keys: LinkKeys,
  token: string,
  evidence: Evidence,
  now: Temporal.Instant,
): Promise<UnsubscribeView | null> {
  const act = await readAct(db, keys, token, now)
  if (act === null) return null
  await retryOnConflict(db, async (tx) => {
    await lockCohortsOf(tx, act.leaver.subscriberId)
    const restored = await findUndoable(tx, sql<number>`${act.recordId}`, now)
    if (restored.length === 0) return
    await restore(tx, restored, now)
    await forgetWithdrawals(
      tx,
      restored.map(({ id }) => id),
    )
    const details = { by: 'reader', undone: 'unsubscribed' }
    await recordConsent(
      tx,
      restored.map(({ id, was }) => ({
        subscriptionId: id,
        action: 'resumed',
        evidence,
        details: { ...details, to: was },
      })),
      now,
    )
  })
  return readUndo(db, keys, token, now)
}

/** An act of leaving: whose, and the consent record that proves it. */
type Act = { readonly leaver: FoundSubscription; readonly recordId: number }

/** The act an undo token was made for, while its hour lasts. */
async function readAct(db: Database, keys: LinkKeys, token: string, now: Temporal.Instant): Promise<Act | null> {
  const link = readLink(keys, 'undo', token)
  if (link === null) return null
  const leaver = await findSubscription(
    db,
    sql`s.token_version = ${link.version} and s.id = (
      select r.subscription_id from consent_record r
      where r.id = ${link.id} and r.action = 'unsubscribed' and r.at >= ${now.toString()}::timestamptz - interval '1 hour')`,
  )
  return leaver && { leaver, recordId: link.id }
}

/** Null for who asked anew meanwhile, or left once more: that is another act. */
async function tellUndo(db: Database, keys: LinkKeys, { leaver, recordId }: Act, now: Temporal.Instant) {
  const leaving = await describeUnsubscribe(db, leaver)
  if (leaving.state === 'pending') return null
  const undoToken = await makeUndoToken(db, keys, leaver.subscriptionId, sql<number>`${recordId}`, now)
  return leaving.state === 'unsubscribed' && undoToken === null ? null : { ...leaving, undoToken }
}

/** Their own watermarks hold what they had seen; where an active one has caught up with its cohort's, that will do. */
async function restore(tx: Database, restored: readonly Undoable[], now: Temporal.Instant): Promise<void> {
  const written = await tx.execute(sql`
    update subscription s set state = w.was, unsubscribed_at = null,
      seen_entry_id = case when w.was = 'active' then nullif(s.seen_entry_id, c.seen_entry_id) else s.seen_entry_id end
    from jsonb_to_recordset(${JSON.stringify(restored)}::jsonb) as w (id bigint, "cohortId" bigint, was text)
    join cohort c on c.id = w."cohortId"
    where s.id = w.id and s.state = 'unsubscribed' and s.cohort_id = w."cohortId"
      and s.unsubscribed_at >= ${now.toString()}::timestamptz - interval '1 hour'
    returning s.id`)
  if (written.rows.length < restored.length) throw new ChangedConcurrently()
}
