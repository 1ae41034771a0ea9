import { z } from 'zod'
import { retryOnConflict } from '../db/retry-transaction.ts'
import { subscriber, subscription } from '../db/schema/subscriber.ts'
import { checkAddress } from '../mail/addresses/address.ts'
import { findNewsletter } from '../newsletters/newsletters.ts'
import { newsletterChange } from '../newsletters/settings.ts'
import type { ImportWatch } from '../subscribers/import/import.ts'
import type { SchedulePatch } from '../subscribers/preferences/preferences.ts'
import { addressField, oneLineOf, onlyOrSlug, slugField, textOf } from './fields.ts'
import { audited, type BareContext, type OperationContext, unaudited } from './operation.ts'

export const SUBSCRIPTION_STATES = subscription.state.enumValues
export const SUBSCRIBER_FORMATS = subscriber.format.enumValues
const LONGEST_NAME = 500
const LONGEST_TEXT = 5_000
const LONGEST_PATH = 4_000
const MOST_TOPICS = 200

const { frequency, hour, zone, locale } = newsletterChange.shape

const newSubscription = z
  .object({
    email: z.string(),
    newsletter: onlyOrSlug,
    /** The reader has agreed; needs evidence. */
    confirmed: z.boolean().default(false),
    /** When, where and how they agreed. */
    evidence: textOf(LONGEST_TEXT).trim().optional(),
    name: z.string().max(LONGEST_NAME, `takes at most ${LONGEST_NAME} characters`).optional(),
    locale,
    format: z.enum(SUBSCRIBER_FORMATS).optional(),
    frequency,
    weekday: z.int().min(1).max(7).optional(),
    hour,
    timeZone: zone,
    /** None picks everything. */
    topics: z.array(z.string()).max(MOST_TOPICS, `takes at most ${MOST_TOPICS} topics`).optional(),
  })
  .refine(({ confirmed, evidence = '' }) => confirmed === (evidence !== ''), {
    path: ['confirmed'],
    error: 'and evidence belong together: consent without proof is none',
  })

/** Operations on subscribers and their subscriptions. */
export const subscriberOperations = {
  /** Subscribes a reader, or changes the fields given. Without `confirmed` the reader is asked to confirm. */
  add: audited({
    name: 'subscriber.add',
    right: 'subscribers.write',
    input: newSubscription,
    transact: retryOnConflict,
    run: async ({ db, clock }, { newsletter, evidence = '', email, name, locale, format, topics, ...input }) => {
      const [{ subscribe }, { readListed }] = await Promise.all([
        import('../subscribers/signup/subscribe.ts'),
        import('../subscribers/list-subscribers.ts'),
      ])
      const { id: newsletterId } = await findNewsletter(db, newsletter)
      const { frequency = null, weekday = null, hour = null, timeZone = null } = input
      const schedule: SchedulePatch = { frequency, weekday, hour, zone: timeZone }
      const request = {
        ...{ newsletterId, email, schedule, name: name ?? null, locale: locale ?? null, format: format ?? null },
        ...{ topics: topics ?? null, by: 'administrator' as const },
        confirmed: evidence === '' ? null : { evidence, at: null },
      }
      const settled = await subscribe(db, request, clock.now())
      return { kind: settled.kind, ...(await readListed(db, settled.subscriptionId)) }
    },
    audit: {
      after: ({ kind, newsletter }, { confirmed }) => ({ subject: newsletter, details: { kind, confirmed } }),
    },
  }),

  /** Lists subscriptions, read page by page. */
  list: unaudited({
    name: 'subscriber.list',
    right: 'subscribers.read',
    input: z.object({ newsletter: slugField.optional(), state: z.enum(SUBSCRIPTION_STATES).optional() }),
    run: async ({ db }, { newsletter, state = null }) => {
      const { listSubscriptions } = await import('../subscribers/list-subscribers.ts')
      const newsletterId = newsletter === undefined ? null : (await findNewsletter(db, newsletter)).id
      return listSubscriptions(db, { newsletterId, state })
    },
  }),

  /** Returns everything stored about a reader, with the evidence of consent and the latest deliveries. */
  show: unaudited({
    name: 'subscriber.show',
    right: 'subscribers.read',
    input: z.object({ email: addressField }),
    run: async ({ db }, { email }) => {
      const [{ readSubscriber }, { readDeliveryHistory }] = await Promise.all([
        import('../subscribers/list-subscribers.ts'),
        import('../editions/reports/history.ts'),
      ])
      return { ...(await readSubscriber(db, email)), deliveries: await readDeliveryHistory(db, email) }
    },
  }),

  /** Asks the reader of a suppressed address to confirm again; nothing else is sent there until they do. */
  lift: audited({
    name: 'subscriber.lift',
    right: 'subscribers.write',
    input: z.object({ email: addressField, reason: textOf(LONGEST_TEXT) }),
    run: async ({ db, clock }, { email, reason }) => {
      const { liftSuppression } = await import('../subscribers/suppressions/lift-suppression.ts')
      return { email, ...(await liftSuppression(db, email, reason, clock.now())) }
    },
    audit: {
      after: ({ suppression, lifted, asked }) => ({ subject: null, details: { suppression, lifted, asked } }),
    },
  }),

  /**
   * Imports subscribers from a CSV file. Each chunk of rows takes a transaction, so the audit line is written first. `importing`
   * receives a forecast before anything is written and may then decide about confirmation mails; otherwise `mails` does.
   */
  import: audited({
    name: 'subscriber.import',
    right: 'subscribers.write',
    input: z.object({
      file: oneLineOf(LONGEST_PATH),
      newsletter: onlyOrSlug,
      mails: z.enum(['send', 'withhold']).default('withhold'),
    }),
    run: async (context: ImportContext, { file, newsletter = null, mails }) => {
      const { importSubscribers } = await import('../subscribers/import/import.ts')
      const watch = { onRead: () => {}, accept: async () => mails, onProgress: () => {}, ...context.importing }
      return importSubscribers(context.db, { file, newsletter }, watch, context.clock)
    },
    audit: { before: ({ newsletter = null }) => ({ subject: newsletter }) },
  }),

  /** Checks whether an address can be subscribed, and suggests the one that may have been meant. */
  checkAddress: unaudited({
    name: 'subscriber.check-address',
    right: 'subscribers.read',
    input: z.object({ address: z.string() }),
    run: async (_: BareContext, { address: given }) => {
      const { valid, reason, suggestion } = checkAddress(given)
      return { valid, reason, suggestion }
    },
  }),
}

/** The context of an import; `importing` receives its forecast and progress. */
export type ImportContext = OperationContext & { readonly importing?: Partial<ImportWatch> }
