import { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { addressKey } from '../../mail/addresses/address.ts'
import { type Newsletter, readNewsletters } from '../../newsletters/newsletters.ts'
import { homeSchedule } from '../../newsletters/schedule/home-cohort.ts'
import { ensureTopics, findPickable } from '../../newsletters/topics.ts'
import { type Evidence, hashAddress, readHashKey } from '../consent.ts'
import type { SchedulePatch } from '../preferences/preferences.ts'
import { ensureSubscribers, type NewSubscriber, type ReaderFormat, type ReaderLocale } from '../subscribers.ts'
import { type ExistingSubscription, pairKey, readSubscriptions } from '../subscriptions.ts'
import { findSuppressed, type Suppressed } from '../suppression.ts'
import { findWithdrawals, type Withdrawal, withdrawalKey } from '../withdrawal.ts'
import { type Decision, decide, type RequestedBy } from './decide.ts'

/** One wish to subscribe; null for what was not said: a new subscription takes the newsletter's, an old one keeps its own. */
export type SignupRequest = {
  readonly newsletterId: number
  /** As `checkAddress` cleaned it. */
  readonly address: string
  readonly name: string | null
  readonly locale: ReaderLocale | null
  readonly format: ReaderFormat | null
  readonly schedule: SchedulePatch
  /** Names; none picks everything. A reader's word makes no topics: names not on offer are dropped. */
  readonly topics: readonly string[] | null
  readonly by: RequestedBy
  /** Proof of consent, and when it was given (null: now). */
  readonly confirmed: { readonly evidence: string; readonly at: Temporal.Instant | null } | null
  /** What a reader was shown who asks by themselves. */
  readonly shown?: Evidence
  /** No confirmation mail is queued: nobody has accepted yet how many an import sends. */
  readonly withheld?: boolean
}

/** Why a subscription is refused: the address is suppressed, its reader left, or the frequency is not offered. */
export type SignupRefusal = 'suppressed' | 'unsubscribed' | 'frequency'

/** A wish to subscribe beside what stands, and what is to become of it; or why it is refused. */
export type SignupCandidate = {
  readonly kind: 'candidate'
  readonly request: SignupRequest
  readonly subscriberId: number
  readonly existing: ExistingSubscription | null
  readonly decision: Exclude<Decision, { kind: 'refuse' }>
  /** The address bounced long ago, and may be asked once. */
  readonly retry: boolean
}
export type RefusedSignup = { readonly kind: 'refused'; readonly reason: SignupRefusal }

/** Whether the step makes the subscription active, which it was not. */
export function becomesActive({ existing, decision }: SignupCandidate): boolean {
  return decision.kind !== 'keep' && decision.to.state === 'active' && existing?.state !== 'active'
}

/** A wish with what is known of its address. `hash` in hex. */
export type KnownAddress = {
  readonly request: SignupRequest
  readonly newsletter: Newsletter
  readonly emailKey: string
  readonly hash: string
  readonly suppressed: Suppressed | null
  readonly withdrawn: Withdrawal | null
}

/** Reads all that a decision needs, makes the subscribers that are missing and locks all of them; in the order given. */
export async function readCandidates(
  tx: Database,
  requests: readonly SignupRequest[],
  now: Temporal.Instant,
): Promise<readonly (SignupCandidate | RefusedSignup)[]> {
  const known = await recognizeAddresses(tx, requests, now)
  const admitted = known.filter((one) => whyRefused(one) === null)
  const decided = await decideAll(tx, admitted, now)
  return known.map((one) => {
    const reason = whyRefused(one)
    return reason === null
      ? (decided.get(one) ?? { kind: 'refused', reason: 'unsubscribed' })
      : { kind: 'refused', reason }
  })
}

/** Why a wish is refused, whatever stands. */
export function whyRefused(known: KnownAddress): SignupRefusal | null {
  const { request, newsletter, suppressed, withdrawn } = known
  const isTaken = suppressed === null || (suppressed === 'retriable' && request.by === 'reader')
  if (!isTaken) return 'suppressed'
  if (withdrawn?.kind === 'unsubscribed' && isOutdated(known)) return 'unsubscribed'
  const { frequency } = request.schedule
  return frequency === null || newsletter.frequencies.includes(frequency) ? null : 'frequency'
}

const pairOf = ({ newsletter, hash }: Pick<KnownAddress, 'newsletter' | 'hash'>) => ({
  newsletterId: newsletter.id,
  hash,
})

/** Whether an import's proof of consent is older than what its reader has done, or left undone, since. */
function isOutdated({ request: { by, confirmed }, withdrawn }: KnownAddress): boolean {
  if (by !== 'import' || withdrawn === null) return false
  return confirmed?.at == null || Temporal.Instant.compare(confirmed.at, withdrawn.at) <= 0
}

/** Reads what is known of the addresses, and locks the suppressed ones until the transaction ends. */
export async function recognizeAddresses(
  tx: Database,
  requests: readonly SignupRequest[],
  now: Temporal.Instant,
): Promise<readonly KnownAddress[]> {
  const newsletters = await readNewsletters(tx, [...new Set(requests.map((one) => one.newsletterId))])
  const hashKey = await readHashKey(tx)
  const known = requests.map((request) => {
    const newsletter = newsletters.get(request.newsletterId)
    if (newsletter === undefined) throw new RangeError(`newsletter ${request.newsletterId} is not there`)
    const emailKey = addressKey(request.address)
    return { request, newsletter, emailKey, hash: hashAddress(hashKey, emailKey).toString('hex') }
  })
  const hashes = known.map((one) => one.hash)
  const suppressed = await findSuppressed(tx, hashes, now)
  const withdrawals = await findWithdrawals(tx, known.map(pairOf))
  return known.map((one) => ({
    ...one,
    suppressed: suppressed.get(one.hash) ?? null,
    withdrawn: withdrawals.get(withdrawalKey(pairOf(one))) ?? null,
  }))
}

/** Suppressions before topics before subscribers before cohorts: everybody who signs readers up locks in this order. */
async function decideAll(
  tx: Database,
  admitted: readonly KnownAddress[],
  now: Temporal.Instant,
): Promise<ReadonlyMap<KnownAddress, SignupCandidate>> {
  const topicIds = await readTopicIds(tx, admitted, now)
  const subscriberIds = await ensureSubscribers(tx, admitted.map(newSubscriber), now)
  const pairs = admitted.map((one) => ({
    newsletterId: one.newsletter.id,
    subscriberId: subscriberIds.get(one.emailKey) ?? -1,
  }))
  const kept = await readSubscriptions(tx, pairs)
  return new Map(
    admitted.flatMap((one, index) => {
      const pair = pairs[index]
      if (pair === undefined) return []
      const { request } = one
      const existing = kept.get(pairKey(pair)) ?? null
      const decision = decisionFor(one, existing, topicIds(request))
      if (decision.kind === 'refuse') return []
      const retry = one.suppressed === 'retriable'
      return [
        [one, { kind: 'candidate', request, subscriberId: pair.subscriberId, existing, decision, retry }] as const,
      ]
    }),
  )
}

/** What becomes of a wish beside what stands. */
export function decisionFor(
  known: KnownAddress,
  existing: ExistingSubscription | null,
  topicIds: readonly number[] | null,
): Decision {
  const { request, newsletter, suppressed } = known
  const { by, schedule, confirmed } = request
  const evidence = confirmed !== null && !isOutdated(known)
  const asked = { by, evidence, schedule, topicIds, retry: suppressed === 'retriable' }
  const neverAsked = existing?.neverAsked ?? false
  return decide({ ...asked, neverAsked }, existing, { home: homeSchedule(newsletter), homeHour: newsletter.hour })
}

/** The ids of a request's topics, ascending; null where it says nothing of topics. */
async function readTopicIds(
  tx: Database,
  admitted: readonly KnownAddress[],
  now: Temporal.Instant,
): Promise<(request: SignupRequest) => readonly number[] | null> {
  const namesOf = (all: readonly KnownAddress[]) =>
    all.flatMap(({ request: { newsletterId, topics } }) => (topics ?? []).map((name) => ({ newsletterId, name })))
  const [asked, told] = [true, false].map((byReader) =>
    namesOf(admitted.filter(({ request }) => (request.by === 'reader') === byReader)),
  )
  const picked = await findPickable(tx, asked ?? [])
  const ensured = await ensureTopics(tx, told ?? [], now)
  return ({ by, newsletterId, topics }) => {
    const idOf = by === 'reader' ? picked : ensured
    return topics && [...new Set(topics.flatMap((name) => idOf(newsletterId, name) ?? []))].sort((a, b) => a - b)
  }
}

function newSubscriber({ request, newsletter, emailKey, hash }: KnownAddress): NewSubscriber {
  const { address, name, locale, format } = request
  return { emailKey, email: address, hash, name, locale: locale ?? newsletter.locale, format: format ?? 'html' }
}
