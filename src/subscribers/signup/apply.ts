import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { findStarts, placeInCohorts } from '../cohorts.ts'
import { forgetOptIns } from '../confirmation/opt-in-queue.ts'
import { queueConfirmations } from '../confirmation/queue-confirmations.ts'
import { type ConsentEvent, describeConsent, recordConsent } from '../consent.ts'
import { isSameSchedule, scheduleKey } from '../preferences/preferences.ts'
import { changeSubscribers, type SubscriberChange } from '../subscribers.ts'
import { changeSubscriptions, type DesiredState, enterSubscriptions, pairKey } from '../subscriptions.ts'
import { noteRetries } from '../suppression.ts'
import { forgetWithdrawals } from '../withdrawal.ts'
import { becomesActive, type SignupCandidate } from './candidate.ts'

/** `added` is active and was not before, `pending` waits for the reader's word, `updated` was there before. */
export type SignupResult = {
  readonly kind: 'added' | 'updated' | 'pending' | 'unchanged'
  readonly subscriptionId: number
}

/** A candidate whose subscription is written, and where to. */
type Writing = { readonly candidate: SignupCandidate; readonly to: DesiredState; readonly cohortId: number }

/** Writes what was decided; null when a subscription is no longer as it was read, and all must be undone. */
export async function applyDecisions(
  tx: Database,
  candidates: readonly SignupCandidate[],
  now: Temporal.Instant,
): Promise<ReadonlyMap<SignupCandidate, SignupResult> | null> {
  const writings = await place(tx, candidates, now)
  const starts = await readStarts(tx, writings, now)
  const entered = await enterSubscriptions(tx, enteringOf(writings, starts, now), now)
  const changing = changingOf(writings, starts, now)
  if ((await changeSubscriptions(tx, changing)) < changing.length) return null
  const touched = await changeSubscribers(tx, changesOf(candidates))
  const idOf = (one: SignupCandidate) => one.existing?.id ?? entered.get(pairKey(pairOf(one))) ?? -1
  const wishes = candidates.filter((one) => one.decision.ask && !one.request.withheld)
  const asked = await queueConfirmations(
    tx,
    wishes.map((one) => ({
      subscriberId: one.subscriberId,
      subscriptionId: idOf(one),
      preferences: one.decision.preferences,
      isUrgent: one.request.by === 'administrator',
    })),
    now,
  )
  const isAsked = (one: SignupCandidate) => asked.has(idOf(one))
  await noteRetries(tx, subscribersOf(candidates.filter((one) => one.retry && isAsked(one))), now)
  await forgetOptIns(tx, subscribersOf(candidates.filter((one) => one.existing !== null && becomesActive(one))))
  await forgetWithdrawals(tx, candidates.filter(becomesActive).map(idOf))
  const events = candidates.flatMap((one) => signupEvidence(one, idOf(one), isAsked(one)))
  await recordConsent(tx, events, now)
  return new Map(
    candidates.map((one) => [
      one,
      { kind: kindOf(one, touched.has(one.subscriberId), isAsked(one)), subscriptionId: idOf(one) },
    ]),
  )
}

const subscribersOf = (candidates: readonly SignupCandidate[]) => candidates.map((one) => one.subscriberId)

const pairOf = ({ request, subscriberId }: SignupCandidate) => ({
  newsletterId: request.newsletterId,
  subscriberId,
})

/** Locks the cohorts of all that is written, and finds room for who is new or moves. */
async function place(
  tx: Database,
  candidates: readonly SignupCandidate[],
  now: Temporal.Instant,
): Promise<readonly Writing[]> {
  const written = candidates.flatMap((candidate) =>
    candidate.decision.kind === 'keep' ? [] : [{ candidate, to: candidate.decision.to }],
  )
  const moving = written.filter(
    ({ candidate, to }) => !candidate.existing || !isSameSchedule(candidate.existing.schedule, to.schedule),
  )
  const placeKey = (one: { candidate: SignupCandidate; to: DesiredState }) =>
    `${one.candidate.request.newsletterId} ${scheduleKey(one.to.schedule)}`
  const groups = Map.groupBy(moving, placeKey)
  const placements = [...groups.values()].flatMap((group) =>
    group.slice(0, 1).map(({ candidate, to }) => ({
      newsletterId: candidate.request.newsletterId,
      schedule: to.schedule,
      count: group.length,
    })),
  )
  const away = written.flatMap(({ candidate }) => candidate.existing?.cohortId ?? [])
  const cohortIds = await placeInCohorts(tx, placements, [...new Set(away)], now)
  const placed = new Map([...groups.keys()].map((key, index) => [key, cohortIds[index]]))
  const isMoving = new Set(moving.map(({ candidate }) => candidate))
  return written.map((one) => {
    const cohortId = isMoving.has(one.candidate) ? placed.get(placeKey(one)) : one.candidate.existing?.cohortId
    return { ...one, cohortId: cohortId ?? -1 }
  })
}

/** Where those start who become active now, by cohort. */
async function readStarts(
  tx: Database,
  writings: readonly Writing[],
  now: Temporal.Instant,
): Promise<ReadonlyMap<number, number | null>> {
  const cohorts = new Map(
    writings.filter(({ candidate }) => becomesActive(candidate)).map(({ cohortId, to }) => [cohortId, to.schedule]),
  )
  const places = [...cohorts].map(([cohortId, schedule]) => ({ cohortId, schedule }))
  const starts = await findStarts(tx, places, now)
  return new Map(places.map(({ cohortId }, index) => [cohortId, starts[index] ?? null]))
}

type Starts = ReadonlyMap<number, number | null>

function enteringOf(writings: readonly Writing[], starts: Starts, now: Temporal.Instant) {
  return writings
    .filter(({ candidate }) => candidate.existing === null)
    .map((writing) => ({ ...pairOf(writing.candidate), ...written(writing, starts, now) }))
    .map(({ startEntryId, ...entering }) => ({ ...entering, seenEntryId: startEntryId }))
}

function changingOf(writings: readonly Writing[], starts: Starts, now: Temporal.Instant) {
  return writings.flatMap((writing) => {
    const existing = writing.candidate.existing
    if (existing === null) return []
    const { id, state: wasState, cohortId: wasCohortId } = existing
    return [{ id, wasState, wasCohortId, ...written(writing, starts, now) }]
  })
}

function written(writing: Writing, starts: Starts, now: Temporal.Instant) {
  const { candidate, to, cohortId } = writing
  const active = becomesActive(candidate)
  return {
    state: to.state,
    cohortId,
    topicIds: to.topicIds,
    startEntryId: active ? (starts.get(cohortId) ?? null) : null,
    confirmedAt: active ? (candidate.request.confirmed?.at ?? now) : null,
  }
}

/** A form proves nothing about who filled it in: only others change what is kept of a person; the last word holds. */
function changesOf(candidates: readonly SignupCandidate[]): readonly SubscriberChange[] {
  const spoken = candidates.filter(({ request }) => request.by !== 'reader')
  const changes = spoken.map(({ subscriberId, request: { name, locale, format } }) => ({
    id: subscriberId,
    name,
    locale,
    format,
  }))
  return [...new Map(changes.map((change) => [change.id, change])).values()]
}

function kindOf(candidate: SignupCandidate, touched: boolean, isAsked: boolean): SignupResult['kind'] {
  const { request, existing, decision } = candidate
  const state = decision.kind === 'keep' ? existing?.state : decision.to.state
  if (state === 'pending' && (existing === null || isAsked || request.by !== 'import')) return 'pending'
  if (becomesActive(candidate)) return 'added'
  return decision.kind !== 'keep' || touched ? 'updated' : 'unchanged'
}

/** The consent record of a decided wish, or none where nothing about consent changes; `asked`: a confirmation was queued. */
function signupEvidence(candidate: SignupCandidate, subscriptionId: number, asked: boolean): readonly ConsentEvent[] {
  const action = actionOf(candidate, asked)
  if (action === null) return []
  const { by, schedule, topics, confirmed, shown } = candidate.request
  const said = Object.entries({ ...schedule, topics, confirmedAt: confirmed?.at }).filter(([, value]) => value != null)
  const proof = becomesActive(candidate) && confirmed !== null ? describeConsent(confirmed.evidence) : null
  const evidence = proof ?? shown ?? null
  return [{ subscriptionId, action, evidence, details: { by, ...Object.fromEntries(said) } }]
}

function actionOf(candidate: SignupCandidate, asked: boolean): ConsentEvent['action'] | null {
  const { request, existing, decision } = candidate
  if (becomesActive(candidate)) return request.by === 'import' ? 'imported' : 'confirmed'
  if (decision.kind === 'keep') return asked ? 'requested' : null
  return asked || existing?.state !== decision.to.state ? 'requested' : 'changed'
}
