import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { ChangedConcurrently, retryOnConflict } from '../../db/retry-transaction.ts'
import type { Schedule } from '../../newsletters/schedule/slots.ts'
import { findStarts, placeInCohorts } from '../cohorts.ts'
import { type ConsentEvent, type Evidence, recordConsent } from '../consent.ts'
import { isSameSchedule } from '../preferences/preferences.ts'
import { changeSubscriptions, type ExistingSubscription, readByIds, readOf } from '../subscriptions.ts'
import { findSuppressed, liftConfirmed } from '../suppression.ts'
import type { LinkKeys } from '../tokens.ts'
import { forgetWithdrawals } from '../withdrawal.ts'
import {
  type Confirmation,
  type ConfirmationRequest,
  type ConfirmedNewsletter,
  readConfirmation,
  readConfirmationRequest,
} from './confirmation.ts'
import { endRequests, forgetOptIns, type RequestedPreferences } from './opt-in-queue.ts'

export { type Confirmation, type ConfirmedNewsletter, readConfirmation }

/**
 * Activates what the link's mail named and is still pending, with the choices of its request: each starts as a new
 * subscription does, but never before what its reader has seen already. Limits of opt-in mails begin anew, and a suppressed
 * address that was asked is mailed again. Twice does no more than once. Null where there is nothing to confirm (any more).
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
  await retryOnConflict(db, async (tx) => {
    const asking = await readConfirmationRequest(tx, keys, token, now)
    if (asking === null || asking.open.length === 0) return
    const places = await lockReader(tx, asking, now)
    await confirmLocked(tx, keys, token, places, evidence, now)
  })
  return readConfirmation(db, keys, token, now)
}

/** The cohorts of those subscriptions whose request wants another than they are in, by subscription. */
type Places = ReadonlyMap<number, number>

/**
 * Suppression, subscriber, cohorts, subscriptions: the order of everybody. With their cohorts held, nobody is being planned.
 * Returns where the requests' choices lead.
 */
async function lockReader(tx: Database, asking: ConfirmationRequest, now: Temporal.Instant): Promise<Places> {
  const { subscriberId, emailHash, preferences: choices } = asking
  await findSuppressed(tx, [emailHash], now)
  await tx.execute(sql`select id from subscriber where id = ${subscriberId} for no key update`)
  const standing = await readOf(tx, subscriberId)
  const moving = standing.flatMap((one) => {
    const schedule = asking.open.includes(one.id) && one.state === 'pending' ? choices[one.id] : undefined
    return schedule === undefined || isSameSchedule(schedule, one.schedule) ? [] : [{ one, schedule }]
  })
  const placements = moving.map(({ one, schedule: { topicIds, ...schedule } }) => {
    return { newsletterId: one.newsletterId, schedule, count: 1 }
  })
  const away = standing.map((one) => one.cohortId)
  const cohortIds = await placeInCohorts(tx, placements, [...new Set(away)], now)
  await tx.execute(sql`select id from subscription where subscriber_id = ${subscriberId} order by id for update`)
  return new Map(moving.map(({ one }, index) => [one.id, cohortIds[index] ?? -1]))
}

/** Reads again what there is to confirm, now that nobody else changes it. */
async function confirmLocked(
  tx: Database,
  keys: LinkKeys,
  token: string,
  places: Places,
  evidence: Evidence,
  now: Temporal.Instant,
): Promise<void> {
  const asking = await readConfirmationRequest(tx, keys, token, now)
  if (asking === null || asking.open.length === 0) return
  const open = await readByIds(tx, asking.open)
  await activate(
    tx,
    open.filter((one) => one.state === 'pending').map((one) => requested(one, asking.preferences, places)),
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
  await endRequests(tx, asking.open)
  await forgetWithdrawals(tx, asking.open)
  await forgetOptIns(tx, [asking.subscriberId])
  await liftConfirmed(tx, asking.subscriberId)
}

/** A subscription, and what it is to become. */
type Requested = {
  readonly one: ExistingSubscription
  readonly cohortId: number
  readonly schedule: Schedule
  readonly topicIds: readonly number[]
}

function requested(one: ExistingSubscription, choices: RequestedPreferences, places: Places): Requested {
  const wanted = choices[one.id]
  if (wanted === undefined) return { one, cohortId: one.cohortId, schedule: one.schedule, topicIds: one.topicIds }
  const { topicIds, ...schedule } = wanted
  const cohortId = isSameSchedule(schedule, one.schedule) ? one.cohortId : places.get(one.id)
  if (cohortId === undefined) throw new ChangedConcurrently()
  return { one, cohortId, schedule, topicIds }
}

async function activate(tx: Database, pending: readonly Requested[], now: Temporal.Instant): Promise<void> {
  const starts = await findStarts(tx, pending, now)
  const changing = pending.map(({ one, cohortId, topicIds }, index) => ({
    id: one.id,
    wasState: one.state,
    wasCohortId: one.cohortId,
    state: 'active' as const,
    cohortId,
    topicIds,
    startEntryId: starts[index] ?? null,
    confirmedAt: now,
  }))
  if ((await changeSubscriptions(tx, changing)) < changing.length) throw new ChangedConcurrently()
}
