import { sql } from 'drizzle-orm'
import { boolean, check, index, integer, jsonb, pgTable, primaryKey, text, unique } from 'drizzle-orm/pg-core'
import { bigNumber, bytes, emptyIntegers, id, instant } from './columns.ts'
import { cohort, newsletter } from './newsletter.ts'

/** A person with an address. `emailKey` is the address folded, by which it is unique; `emailHash` is keyed by the installation. */
export const subscriber = pgTable('subscriber', {
  id: id(),
  email: text().notNull(),
  emailKey: text().notNull().unique(),
  emailHash: bytes().notNull(),
  name: text(),
  locale: text({ enum: ['de', 'en'] }).notNull(),
  format: text({ enum: ['html', 'plain'] })
    .notNull()
    .default('html'),
  createdAt: instant().notNull(),
})

export const subscription = pgTable(
  'subscription',
  {
    id: id(),
    newsletterId: bigNumber()
      .notNull()
      .references(() => newsletter.id),
    subscriberId: bigNumber()
      .notNull()
      .references(() => subscriber.id),
    state: text({ enum: ['pending', 'active', 'paused', 'unsubscribed'] }).notNull(),
    cohortId: bigNumber()
      .notNull()
      .references(() => cohort.id),
    /** Ids of the picked topics, ascending; none means everything. */
    topics: integer().array().notNull().default(emptyIntegers),
    /** The reader's own watermark, only while it differs from the cohort's. */
    seenEntryId: bigNumber(),
    /** Raised to make all links sent so far void. */
    tokenVersion: integer().notNull().default(1),
    confirmedAt: instant(),
    unsubscribedAt: instant(),
    pausedUntil: instant(),
    createdAt: instant().notNull(),
  },
  (table) => [
    unique('subscription_newsletter_subscriber').on(table.newsletterId, table.subscriberId),
    index('subscription_subscriber').on(table.subscriberId),
    index('subscription_cohort').on(table.cohortId),
    index('subscription_unconfirmed')
      .on(table.id)
      .where(sql`${table.state} = 'pending' or ${table.confirmedAt} is null`),
    check('subscription_state', sql`${table.state} in ('pending', 'active', 'paused', 'unsubscribed')`),
    check(
      'subscription_confirmed',
      sql`${table.state} in ('pending', 'unsubscribed') or ${table.confirmedAt} is not null`,
    ),
  ],
)

/** An address nothing goes to. The hash stays when the address itself is erased. */
export const suppression = pgTable(
  'suppression',
  {
    id: id(),
    emailHash: bytes().notNull().unique(),
    email: text(),
    reason: text({ enum: ['bounced', 'complained', 'manual', 'erased'] }).notNull(),
    evidence: text(),
    createdAt: instant().notNull(),
    /** When its reader was last asked for confirmation all the same: 7 days or more after a bounce, or by an administrator. */
    retriedAt: instant(),
    /** The delivery that was refused for good, and how many outcomes its edition had before it. */
    editionId: bigNumber(),
    batchId: bigNumber(),
    seq: integer(),
    outcomes: integer(),
  },
  (table) => [index('suppression_edition').on(table.editionId, table.id).where(sql`${table.editionId} is not null`)],
)

/** One opt-in mail to an address, by its keyed hash: what limits them outlives the request. */
export const optIn = pgTable(
  'opt_in',
  {
    id: id(),
    emailHash: bytes().notNull(),
    /** When it is sent, or is to be. */
    at: instant().notNull(),
  },
  (table) => [index('opt_in_hash').on(table.emailHash, table.at), index('opt_in_age').on(table.at)],
)

/**
 * How often the subscribe form was sent from a network, to a mailbox or domain, and in all. The key is a keyed hash: no address
 * is told by it.
 */
export const formCount = pgTable(
  'form_count',
  {
    key: bytes().primaryKey(),
    /** From then on counting begins anew. */
    until: instant().notNull(),
    count: integer().notNull(),
    /** How many are let through. */
    most: integer().notNull(),
  },
  (table) => [index('form_count_until').on(table.until)],
)

/** That the owner of an address did not want a newsletter, by its keyed hash: outlives all else that is kept of them. */
export const withdrawal = pgTable(
  'withdrawal',
  {
    emailHash: bytes().notNull(),
    newsletterId: bigNumber()
      .notNull()
      .references(() => newsletter.id),
    /** `unsubscribed` by the reader's own act, declining included; `ignored`: a request that nobody confirmed. */
    kind: text({ enum: ['unsubscribed', 'ignored'] }).notNull(),
    at: instant().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.emailHash, table.newsletterId] }),
    check('withdrawal_kind', sql`${table.kind} in ('unsubscribed', 'ignored')`),
  ],
)

/** Evidence of consent; append-only, held so by a trigger. */
export const consentRecord = pgTable(
  'consent_record',
  {
    id: id(),
    subscriberId: bigNumber(),
    subscriptionId: bigNumber(),
    newsletterId: bigNumber(),
    emailHash: bytes().notNull(),
    action: text({
      enum: ['requested', 'confirmed', 'changed', 'paused', 'resumed', 'unsubscribed', 'imported', 'erased', 'lifted'],
    }).notNull(),
    /** The words of proof: what an importer or an administrator says, what the reader was shown. */
    evidence: text(),
    textVersion: text(),
    ip: text(),
    userAgent: text(),
    details: jsonb().$type<Record<string, unknown>>(),
    at: instant().notNull(),
  },
  (table) => [
    index('consent_record_subscriber').on(table.subscriberId),
    index('consent_record_hash').on(table.emailHash),
  ],
)

/** One mail that is no digest, waiting to be sent before any digest. */
export const notice = pgTable(
  'notice',
  {
    id: id(),
    kind: text({ enum: ['confirmation', 'reminder', 'welcome', 'answer'] }).notNull(),
    subscriberId: bigNumber()
      .notNull()
      .references(() => subscriber.id, { onDelete: 'cascade' }),
    payload: jsonb().$type<Record<string, unknown>>().notNull(),
    nonce: bytes().notNull(),
    state: text({ enum: ['queued', 'sending', 'sent', 'failed', 'skipped'] })
      .notNull()
      .default('queued'),
    reason: text(),
    ambiguous: boolean().notNull().default(false),
    attempts: integer().notNull().default(0),
    token: integer().notNull().default(0),
    leaseUntil: instant(),
    dueAt: instant().notNull(),
    createdAt: instant().notNull(),
    sentAt: instant(),
  },
  (table) => [
    index('notice_due').on(table.dueAt).where(sql`${table.state} in ('queued', 'sending')`),
    index('notice_asked').on(table.dueAt).where(sql`${table.state} = 'sent' and ${table.kind} = 'confirmation'`),
    index('notice_subscriber').on(table.subscriberId),
  ],
)
