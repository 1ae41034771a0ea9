import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { type Evidence, recordConsent } from '../consent.ts'
import { lockCohortsOf } from '../enrol/subscription.ts'
import type { LinkKeys } from '../links.ts'
import { Overtaken, settleInTransaction } from '../overtaken.ts'
import { type Leaver, type Leaving, readLeaver, tellLeaving } from './leaving.ts'
import { findUndoable, type Undoable } from './undoable.ts'

/** What an undo token would bring back, or has; null for no such token, or when its hour is over. Changes nothing. */
export async function readUndo(
  db: Database,
  keys: LinkKeys,
  token: string,
  now: Temporal.Instant,
): Promise<Leaving | null> {
  const leaver = await readLeaver(db, keys, 'undo', token)
  return leaver && tellUndo(db, keys, leaver, now)
}

/**
 * Brings back, as they were, the subscriptions left together within the last hour; nothing is missed and nothing comes
 * twice. A second time it changes nothing. Null for no such token, or when its hour is over.
 *
 * @throws CourantError `subscriber.busy`.
 */
export async function undoLeave(
  db: Database,
  keys: LinkKeys,
  token: string,
  evidence: Evidence,
  now: Temporal.Instant,
): Promise<Leaving | null> {
  const leaver = await readLeaver(db, keys, 'undo', token)
  if (leaver === null) return null
  await settleInTransaction(db, async (tx) => {
    await lockCohortsOf(tx, leaver.subscriberId)
    const restored = await findUndoable(tx, leaver.subscriptionId, now)
    if (restored.length === 0) return
    await restore(tx, restored, now)
    const details = { by: 'reader', undone: 'left' }
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

async function tellUndo(db: Database, keys: LinkKeys, leaver: Leaver, now: Temporal.Instant): Promise<Leaving | null> {
  const leaving = await tellLeaving(db, keys, leaver, leaver.subscriptionId, now)
  return leaving.state === 'left' && leaving.undoToken === null ? null : leaving
}

/** Their own watermarks hold what they had seen; where an active one has caught up with its cohort's, that will do. */
async function restore(tx: Database, restored: readonly Undoable[], now: Temporal.Instant): Promise<void> {
  const written = await tx.execute(sql`
    update subscription s set state = w.was, left_at = null,
      seen_entry_id = case when w.was = 'active' then nullif(s.seen_entry_id, c.seen_entry_id) else s.seen_entry_id end
    from jsonb_to_recordset(${JSON.stringify(restored)}::jsonb) as w (id bigint, "cohortId" bigint, was text)
    join cohort c on c.id = w."cohortId"
    where s.id = w.id and s.state = 'left' and s.cohort_id = w."cohortId"
      and s.left_at >= ${now.toString()}::timestamptz - interval '1 hour'
    returning s.id`)
  if (written.rows.length < restored.length) throw new Overtaken()
}
