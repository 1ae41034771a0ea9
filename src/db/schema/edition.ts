import { sql } from 'drizzle-orm'
import { boolean, check, index, integer, pgTable, primaryKey, text, unique } from 'drizzle-orm/pg-core'
import { bigNumber, bytes, emptyTexts, id, instant } from './columns.ts'
import { FREQUENCIES, newsletter } from './newsletter.ts'

/** One sending of one newsletter in one slot. */
export const edition = pgTable(
  'edition',
  {
    id: id(),
    /** Random; the only name of an edition that readers see. */
    publicId: text().notNull().unique(),
    newsletterId: bigNumber()
      .notNull()
      .references(() => newsletter.id),
    frequency: text({ enum: FREQUENCIES }),
    slotAt: instant(),
    /** The caller's key of an edition sent by hand. */
    key: text(),
    /** For one reader alone (`--to`); such an edition is never a home edition. */
    onlySubscriptionId: bigNumber(),
    state: text({ enum: ['planning', 'sending', 'paused', 'held', 'finished', 'cancelled', 'missed'] }).notNull(),
    reason: text(),
    /** The operator says that refusals for good are true, however many there are. */
    acceptsRejections: boolean().notNull().default(false),
    home: boolean().notNull().default(false),
    /** Entries up to here were open to selection. */
    boundEntryId: bigNumber().notNull(),
    /** Message-IDs and return paths are made with it, so that a new SECRET changes none. */
    nonce: bytes().notNull(),
    intro: text(),
    articleCount: integer().notNull().default(0),
    variantCount: integer().notNull().default(0),
    createdAt: instant().notNull(),
    plannedAt: instant(),
    finishedAt: instant(),
  },
  (table) => [
    unique('edition_slot').on(table.newsletterId, table.frequency, table.slotAt),
    unique('edition_key').on(table.newsletterId, table.key),
    index('edition_newsletter').on(table.newsletterId, table.id),
    index('edition_open').on(table.id).where(sql`${table.state} in ('planning', 'sending', 'paused', 'held')`),
    check(
      'edition_state',
      sql`${table.state} in ('planning', 'sending', 'paused', 'held', 'finished', 'cancelled', 'missed')`,
    ),
    check('edition_slot_or_hand', sql`(${table.frequency} is null) = (${table.slotAt} is null)`),
  ],
)

/** The shown fields of an edition's articles, frozen when it was planned. */
export const editionArticle = pgTable(
  'edition_article',
  {
    editionId: bigNumber()
      .notNull()
      .references(() => edition.id),
    entryId: bigNumber().notNull(),
    articleId: bigNumber().notNull(),
    url: text().notNull(),
    title: text().notNull(),
    summary: text(),
    author: text(),
    imageUrl: text(),
    imageAlt: text(),
    language: text(),
    source: text().notNull(),
    topics: text().array().notNull().default(emptyTexts),
    wordCount: integer(),
    publishedAt: instant(),
  },
  (table) => [
    primaryKey({ columns: [table.editionId, table.entryId] }),
    index('edition_article_article').on(table.articleId),
  ],
)

/** One distinct selection of an edition: rendered and compiled once for all its readers. */
export const variant = pgTable(
  'variant',
  {
    id: id(),
    editionId: bigNumber()
      .notNull()
      .references(() => edition.id),
    publicId: text().notNull().unique(),
    locale: text({ enum: ['de', 'en'] }).notNull(),
    format: text({ enum: ['html', 'plain'] }).notNull(),
    /** Newest first. */
    entryIds: bigNumber().array().notNull(),
    /** md5 of the entry ids, so that one selection is one row. */
    entriesHash: text().notNull(),
    home: boolean().notNull().default(false),
  },
  (table) => [unique('variant_selection').on(table.editionId, table.locale, table.format, table.entriesHash)],
)
