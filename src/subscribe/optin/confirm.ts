import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { findStarts } from '../choice/cohort.ts'
import { type ConsentEvent, type Evidence, recordConsent } from '../consent.ts'
import { changeSubscriptions, type Kept, lockCohortsOf, readByIds } from '../enrol/subscription.ts'
import type { LinkKeys } from '../links.ts'
import { Overtaken, settleInTransaction } from '../overtaken.ts'
import { findSuppressed, liftConfirmed } from '../suppression.ts'
import { type Asking, type Confirmation, type ConfirmedNewsletter, readAsking, readConfirmation } from './asking.ts'
import { forgetOptIns } from './queue.ts'

export { type Confirmation, type ConfirmedNewsletter, readConfirmation }

/**
 * Activates what the link's mail named and is still pending: each starts as a new subscription does, but never before
 * what its reader has seen already. Limits of opt-in mails begin anew, and a suppressed address that was asked is mailed again. Twice does
 * no more than once. Null where there is nothing to confirm (any more).
 *
 * @throws CourantError `subscriber.busy`.
 */
export async function confirm(
  db: Database,
  keys: LinkKeys,
  token: string,
  evidence: Evidence,
  now: Temporal.Instant,
): Promise<Confirmation | null> {
  await settleInTransaction(db, async (tx) => {
    const asking = await readAsking(tx, keys, token, now)
    if (asking === null || asking.open.length === 0) return
    await lockReader(tx, asking, now)
    await confirmLocked(tx, keys, token, evidence, now)
  })
  return readConfirmation(db, keys, token, now)
}

/** Suppression, subscriber, cohorts, subscriptions: the order of everybody. With their cohorts held, nobody is being planned. */
async function lockReader(tx: Database, { subscriberId, emailHash }: Asking, now: Temporal.Instant): Promise<void> {
  await findSuppressed(tx, [emailHash], now)
  await tx.execute(sql`select id from subscriber where id = ${subscriberId} for no key update`)
  await lockCohortsOf(tx, subscriberId)
  await tx.execute(sql`select id from subscription where subscriber_id = ${subscriberId} order by id for update`)
}

/** Reads again what there is to confirm, now that nobody else changes it. */
async function confirmLocked(
  tx: Database,
  keys: LinkKeys,
  token: string,
  evidence: Evidence,
  now: Temporal.Instant,
): Promise<void> {
  const asking = await readAsking(tx, keys, token, now)
  if (asking === null || asking.open.length === 0) return
  const open = await readByIds(tx, asking.open)
  await activate(
    tx,
    open.filter((one) => one.state === 'pending'),
    now,
  )
  const events = open.map(
    (one): ConsentEvent => ({
      subscriptionId: one.id,
      action: 'confirmed',
      evidence,
      details: { by: 'reader', kind: asking.kind, from: one.state },
    }),
  )
  await recordConsent(tx, events, now)
  await forgetOptIns(tx, [asking.subscriberId])
  await liftConfirmed(tx, asking.subscriberId)
}

async function activate(tx: Database, pending: readonly Kept[], now: Temporal.Instant): Promise<void> {
  const starts = await findStarts(tx, pending, now)
  const changing = pending.map(({ id, state, cohortId, topicIds }, index) => ({
    id,
    wasState: state,
    wasCohortId: cohortId,
    state: 'active' as const,
    cohortId,
    topicIds,
    startEntryId: starts[index] ?? null,
    confirmedAt: now,
  }))
  if ((await changeSubscriptions(tx, changing)) < changing.length) throw new Overtaken()
}
