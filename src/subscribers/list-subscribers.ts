import { and, asc, eq, gt, type SQL, sql } from 'drizzle-orm'
import { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { cohort, newsletter } from '../db/schema/newsletter.ts'
import { consentRecord, subscriber, subscription, suppression } from '../db/schema/subscriber.ts'
import { CourantError } from '../errors.ts'
import { addressKey } from '../mail/addresses/address.ts'
import { hashAddress, readHashKey } from './consent.ts'
import type { SubscriptionState } from './permission.ts'

/** One subscription as people see it: its reader, its choice by names, its state. */
export type ListedSubscription = Awaited<ReturnType<typeof readPage>>[number]['listed']

/** Which subscriptions; null for all. */
type ListFilter = { readonly newsletterId: number | null; readonly state: SubscriptionState | null }

/** All that is kept of one reader. */
export type SubscriberDetails = {
  readonly email: string
  readonly name: string | null
  readonly locale: string
  readonly format: string
  readonly createdAt: Temporal.Instant
  /** `askedAt`: when the reader was asked to confirm all the same. */
  readonly suppressed: {
    readonly reason: string
    readonly at: Temporal.Instant
    readonly askedAt: Temporal.Instant | null
  } | null
  readonly subscriptions: readonly ListedSubscription[]
  readonly consent: readonly ConsentLine[]
}

/** One consent record, its newsletter by slug. */
type ConsentLine = {
  readonly at: Temporal.Instant
  readonly action: string
  readonly newsletter: string | null
  readonly evidence: string | null
  readonly textVersion: string | null
  readonly ip: string | null
  readonly userAgent: string | null
  readonly details: Record<string, unknown> | null
}

const PAGE_ROWS = 1_000

/** All subscriptions in the order they were made, read page by page, so that a list of any length needs no memory. */
export async function* listSubscriptions(
  db: Database,
  filter: ListFilter,
): AsyncGenerator<ListedSubscription, undefined> {
  const wanted = and(
    filter.newsletterId === null ? undefined : eq(subscription.newsletterId, filter.newsletterId),
    filter.state === null ? undefined : eq(subscription.state, filter.state),
  )
  for (let lastId = 0; ; ) {
    const page = await readPage(db, and(gt(subscription.id, lastId), wanted))
    for (const { listed } of page) yield listed
    lastId = page.at(-1)?.id ?? lastId
    if (page.length < PAGE_ROWS) return
  }
}

/** One subscription. */
export async function readListed(db: Database, subscriptionId: number): Promise<ListedSubscription> {
  const [row] = await readPage(db, eq(subscription.id, subscriptionId))
  if (row === undefined) throw new RangeError(`subscription ${subscriptionId} is not there`)
  return row.listed
}

/** One reader with subscriptions, suppression and evidence. @throws CourantError `subscriber.unknown`. */
export async function readSubscriber(db: Database, email: string): Promise<SubscriberDetails> {
  const emailKey = addressKey(email)
  const hash = hashAddress(await readHashKey(db), emailKey)
  const [suppressed] = await db
    .select({ reason: suppression.reason, at: suppression.createdAt, askedAt: suppression.retriedAt })
    .from(suppression)
    .where(eq(suppression.emailHash, hash))
  const [row] = await db.select().from(subscriber).where(eq(subscriber.emailKey, emailKey))
  if (row === undefined)
    throw new CourantError('subscriber.unknown', {
      what: 'There is no subscriber with this address.',
      why: suppressed && `The address is suppressed: ${suppressed.reason}.`,
      todo: '"courant subscriber list" shows all; "courant subscriber add" makes one.',
    })
  const subscriptions = await readPage(db, eq(subscription.subscriberId, row.id))
  const { name, locale, format, createdAt } = row
  const consent = await readConsent(db, row.id)
  return {
    email: row.email,
    name,
    locale,
    format,
    createdAt,
    suppressed: suppressed ?? null,
    subscriptions: subscriptions.map(({ listed }) => listed),
    consent,
  }
}

async function readPage(db: Database, wanted: SQL | undefined) {
  return db
    .select({
      id: subscription.id,
      listed: {
        email: subscriber.email,
        name: subscriber.name,
        locale: subscriber.locale,
        format: subscriber.format,
        newsletter: newsletter.slug,
        state: subscription.state,
        frequency: cohort.frequency,
        weekday: cohort.weekday,
        hour: cohort.hour,
        timeZone: cohort.zone,
        /** When the cohort is planned next; null for who gets no digests. */
        nextSlotAt:
          sql<Temporal.Instant | null>`case when ${subscription.state} = 'active' then ${cohort.nextDueAt} end`.mapWith(
            (value) => (value === null ? null : Temporal.Instant.from(value)),
          ),
        topics: sql<string[]>`array(select name from topic where id = any(${subscription.topics}) order by name)`,
        createdAt: subscription.createdAt,
        confirmedAt: subscription.confirmedAt,
        unsubscribedAt: subscription.unsubscribedAt,
        pausedUntil: subscription.pausedUntil,
      },
    })
    .from(subscription)
    .innerJoin(subscriber, eq(subscriber.id, subscription.subscriberId))
    .innerJoin(newsletter, eq(newsletter.id, subscription.newsletterId))
    .innerJoin(cohort, eq(cohort.id, subscription.cohortId))
    .where(wanted)
    .orderBy(asc(subscription.id))
    .limit(PAGE_ROWS)
}

async function readConsent(db: Database, subscriberId: number): Promise<readonly ConsentLine[]> {
  return db
    .select({
      at: consentRecord.at,
      action: consentRecord.action,
      newsletter: newsletter.slug,
      evidence: consentRecord.evidence,
      textVersion: consentRecord.textVersion,
      ip: consentRecord.ip,
      userAgent: consentRecord.userAgent,
      details: consentRecord.details,
    })
    .from(consentRecord)
    .leftJoin(newsletter, eq(newsletter.id, consentRecord.newsletterId))
    .where(eq(consentRecord.subscriberId, subscriberId))
    .orderBy(asc(consentRecord.id))
    .limit(PAGE_ROWS)
}
