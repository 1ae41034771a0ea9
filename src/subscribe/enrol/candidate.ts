import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { addressKey } from '../../mail/address.ts'
import { type ChoiceParts, homeChoice } from '../choice/choice.ts'
import { ensureTopics } from '../choice/topic.ts'
import { hashAddress, readHashKey } from '../consent.ts'
import { type Newsletter, readNewsletters } from '../newsletters.ts'
import { findSuppressed } from '../suppression.ts'
import { type Asker, decide, type Step } from './decide.ts'
import { admitSubscribers, type NewSubscriber, type ReaderFormat, type ReaderLocale } from './subscriber.ts'
import { type Kept, pairKey, readSubscriptions } from './subscription.ts'

/** One wish to subscribe; null for what was not said: a new subscription takes the newsletter's, an old one keeps its own. */
export type Enrolment = {
  readonly newsletterId: number
  /** As `checkAddress` cleaned it. */
  readonly address: string
  readonly name: string | null
  readonly locale: ReaderLocale | null
  readonly format: ReaderFormat | null
  readonly choice: ChoiceParts
  /** Names; none picks everything. */
  readonly topics: readonly string[] | null
  readonly by: Asker
  /** Proof of consent, and when it was given (null: now). */
  readonly confirmed: { readonly evidence: string; readonly at: Temporal.Instant | null } | null
}

/** Why a subscription is refused: the address is suppressed, its reader left, or the rhythm is not offered. */
export type Refusal = 'suppressed' | 'left' | 'rhythm'

/** A wish to subscribe beside what stands, and what is to become of it; or why it is refused. */
export type Candidate = {
  readonly kind: 'candidate'
  readonly enrolment: Enrolment
  readonly subscriberId: number
  readonly standing: Kept | null
  readonly step: Exclude<Step, { kind: 'refuse' }>
}
export type Refused = { readonly kind: 'refused'; readonly reason: Refusal }

/** Whether the step makes the subscription active, which it was not. */
export function becomesActive({ standing, step }: Candidate): boolean {
  return step.kind !== 'keep' && step.to.state === 'active' && standing?.state !== 'active'
}

type Known = {
  readonly enrolment: Enrolment
  readonly newsletter: Newsletter
  readonly emailKey: string
  readonly hash: string
}

/** Reads all that a decision needs, makes the subscribers that are missing and locks all of them; in the order given. */
export async function readCandidates(
  tx: Database,
  enrolments: readonly Enrolment[],
  now: Temporal.Instant,
): Promise<readonly (Candidate | Refused)[]> {
  const known = await recognise(tx, enrolments)
  const suppressed = await findSuppressed(
    tx,
    known.map((one) => one.hash),
  )
  const refusal = (one: Known): Refusal | null => {
    if (suppressed.has(one.hash)) return 'suppressed'
    const rhythm = one.enrolment.choice.rhythm
    return rhythm === null || one.newsletter.rhythms.includes(rhythm) ? null : 'rhythm'
  }
  const admitted = known.filter((one) => refusal(one) === null)
  const decided = await decideAll(tx, admitted, now)
  return known.map((one) => {
    const reason = refusal(one)
    return reason === null ? (decided.get(one) ?? { kind: 'refused', reason: 'left' }) : { kind: 'refused', reason }
  })
}

async function recognise(tx: Database, enrolments: readonly Enrolment[]): Promise<readonly Known[]> {
  const newsletters = await readNewsletters(tx, [...new Set(enrolments.map((one) => one.newsletterId))])
  const hashKey = await readHashKey(tx)
  return enrolments.map((enrolment) => {
    const newsletter = newsletters.get(enrolment.newsletterId)
    if (newsletter === undefined) throw new RangeError(`newsletter ${enrolment.newsletterId} is not there`)
    const emailKey = addressKey(enrolment.address)
    return { enrolment, newsletter, emailKey, hash: hashAddress(hashKey, emailKey).toString('hex') }
  })
}

/** Topics before subscribers before cohorts: everybody who signs readers up locks in this order. */
async function decideAll(
  tx: Database,
  admitted: readonly Known[],
  now: Temporal.Instant,
): Promise<ReadonlyMap<Known, Candidate>> {
  const wanted = admitted.flatMap(({ enrolment }) =>
    (enrolment.topics ?? []).map((name) => ({ newsletterId: enrolment.newsletterId, name })),
  )
  const topicId = await ensureTopics(tx, wanted, now)
  const subscriberIds = await admitSubscribers(tx, admitted.map(newSubscriber), now)
  const pairs = admitted.map((one) => ({
    newsletterId: one.newsletter.id,
    subscriberId: subscriberIds.get(one.emailKey) ?? -1,
  }))
  const kept = await readSubscriptions(tx, pairs)
  return new Map(
    admitted.flatMap((one, index) => {
      const pair = pairs[index]
      if (pair === undefined) return []
      const { enrolment, newsletter } = one
      const standing = kept.get(pairKey(pair)) ?? null
      const names = enrolment.topics
      const topicIds = names && [...new Set(names.map((name) => topicId(newsletter.id, name)))].sort((a, b) => a - b)
      const asked = { by: enrolment.by, evidence: enrolment.confirmed !== null, choice: enrolment.choice, topicIds }
      const step = decide(asked, standing, { home: homeChoice(newsletter), homeHour: newsletter.hour })
      if (step.kind === 'refuse') return []
      return [[one, { kind: 'candidate', enrolment, subscriberId: pair.subscriberId, standing, step }] as const]
    }),
  )
}

function newSubscriber({ enrolment, newsletter, emailKey, hash }: Known): NewSubscriber {
  const { address, name, locale, format } = enrolment
  return { emailKey, email: address, hash, name, locale: locale ?? newsletter.locale, format: format ?? 'html' }
}
