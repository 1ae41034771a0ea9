import { sql } from 'drizzle-orm'
import { boolean, check, index, integer, pgTable, smallint, text, unique } from 'drizzle-orm/pg-core'
import { bigNumber, id, instant } from './columns.ts'

/** How often a reader gets a digest. */
export const FREQUENCIES = ['instant', 'daily', 'weekdays', 'weekly', 'monthly'] as const
export type Frequency = (typeof FREQUENCIES)[number]

export const newsletter = pgTable(
  'newsletter',
  {
    id: id(),
    slug: text().notNull().unique(),
    name: text().notNull(),
    locale: text({ enum: ['de', 'en'] }).notNull(),
    zone: text().notNull(),
    hour: smallint().notNull(),
    fromAddress: text().notNull(),
    fromName: text().notNull(),
    replyTo: text(),
    imprint: text(),
    /** The frequency of the home cohort, and of readers who choose none. */
    frequency: text({ enum: FREQUENCIES }).notNull(),
    frequencies: text().array().notNull().default(sql`'{instant,daily,weekdays,weekly,monthly}'::text[]`),
    maxArticles: integer().notNull().default(12),
    minArticles: integer().notNull().default(1),
    /** A slot missed while the system was down is caught up within this many hours, once. */
    graceHours: integer().notNull().default(6),
    accent: text().notNull().default('#1a5276'),
    /** Null: ours. */
    headlineColour: text(),
    headlineFont: text({ enum: ['sans', 'serif'] })
      .notNull()
      .default('serif'),
    /** https; shown where its size is known, in CSS pixels. */
    logoUrl: text(),
    /** The logo's variant for a dark ground. */
    logoDarkUrl: text(),
    logoAlt: text(),
    logoWidth: smallint(),
    logoHeight: smallint(),
    logoPlace: text({ enum: ['instead', 'beside'] })
      .notNull()
      .default('instead'),
    intro: text(),
    state: text({ enum: ['active', 'paused', 'deleted'] })
      .notNull()
      .default('active'),
    createdAt: instant().notNull(),
  },
  (table) => [
    check('newsletter_hour', sql`${table.hour} between 0 and 23`),
    check('newsletter_max_articles', sql`${table.maxArticles} between 1 and 100`),
    check('newsletter_grace', sql`${table.graceHours} between 0 and 168`),
    check('newsletter_min_articles', sql`${table.minArticles} between 1 and 100`),
  ],
)

/** A label readers of one newsletter may pick; `key` is its name folded, so that “Politik” and “politik” are one. */
export const topic = pgTable(
  'topic',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    newsletterId: bigNumber()
      .notNull()
      .references(() => newsletter.id),
    key: text().notNull(),
    name: text().notNull(),
    hidden: boolean().notNull().default(false),
    createdAt: instant().notNull(),
  },
  (table) => [unique('topic_newsletter_key').on(table.newsletterId, table.key)],
)

/** Subscriptions due together: the row that is planned and moved instead of its readers. */
export const cohort = pgTable(
  'cohort',
  {
    id: id(),
    newsletterId: bigNumber()
      .notNull()
      .references(() => newsletter.id),
    frequency: text({ enum: FREQUENCIES }).notNull(),
    weekday: smallint(),
    hour: smallint(),
    zone: text().notNull(),
    part: integer().notNull().default(0),
    /** The cohort whose selection makes the archive and the feeds; planned even without readers. */
    home: boolean().notNull().default(false),
    /** The watermark: entries up to here were planned for all of its subscriptions. */
    seenEntryId: bigNumber().notNull().default(0),
    nextDueAt: instant(),
    lastSlotAt: instant(),
    /** Subscriptions ever placed here; bounds a part, and is no head count. */
    members: integer().notNull().default(0),
  },
  (table) => [
    unique('cohort_schedule')
      .on(table.newsletterId, table.frequency, table.weekday, table.hour, table.zone, table.part)
      .nullsNotDistinct(),
    index('cohort_due').on(table.nextDueAt),
    check(
      'cohort_weekday',
      sql`case when ${table.frequency} = 'weekly' then ${table.weekday} between 1 and 7 and ${table.weekday} is not null else ${table.weekday} is null end`,
    ),
    check(
      'cohort_hour',
      sql`case when ${table.frequency} = 'instant' then ${table.hour} is null else ${table.hour} between 0 and 23 and ${table.hour} is not null end`,
    ),
    check('cohort_members', sql`${table.members} between 0 and 100000`),
  ],
)
