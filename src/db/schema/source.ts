import { sql } from 'drizzle-orm'
import { check, index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { bigNumber, emptyIntegers, id, instant } from './columns.ts'
import { newsletter } from './newsletter.ts'

/** Where articles come from: a feed fetched by its URL, or (`kind` api) a newsletter's own door, without one. */
export const source = pgTable(
  'source',
  {
    id: id(),
    kind: text({ enum: ['feed', 'api'] }).notNull(),
    /** As it was added; unique, `api:<newsletter id>` for the API. */
    url: text().notNull().unique(),
    /** Where it is fetched now, after permanent redirects. */
    feedUrl: text(),
    /** Host and port of `feedUrl`, as `URL.host` gives them. */
    host: text().generatedAlwaysAs(
      sql`coalesce(lower(substring(feed_url from '^[a-z]+://(?:[^/?#@]*@)?([^/?#]+)')), feed_url)`,
    ),
    title: text(),
    homeUrl: text(),
    language: text(),
    username: text(),
    /** Encrypted, as are the values of the headers (`src/articles/sources/secrets.ts`). */
    password: text(),
    headers: jsonb().$type<Record<string, string>>(),
    userAgent: text(),
    state: text({ enum: ['active', 'ended'] })
      .notNull()
      .default('active'),
    etag: text(),
    lastModified: text(),
    bodyHash: text(),
    /** Successful fetches with a document in them. */
    fetches: integer().notNull().default(0),
    /** How many new articles each of the latest successful fetches brought, the last one at the end; none counts as 0. */
    recentNew: integer().array().notNull().default(emptyIntegers),
    /** How long it waits from one successful fetch to the next. */
    intervalMinutes: integer().notNull().default(15),
    lastFetchedAt: instant(),
    nextFetchAt: instant(),
    /** Failures in a row; the wait grows with them. */
    failures: integer().notNull().default(0),
    lastError: text(),
    createdAt: instant().notNull(),
  },
  (table) => [
    index('source_due').on(table.nextFetchAt),
    check('source_url', sql`(${table.kind} = 'feed') = (${table.feedUrl} is not null)`),
  ],
)

/**
 * Hosts that are being asked right now. A source is leased together with its host, so that across all processes it is fetched
 * once and its host is asked one thing at a time. An expired row belonged to a worker that died.
 */
export const hostLease = pgTable('host_lease', {
  host: text().primaryKey(),
  /** Null while an address is looked at that is no source yet. */
  sourceId: bigNumber().references(() => source.id),
  owner: text().notNull(),
  /** Identifies one lease; a host that the source redirects to is held under the same token. */
  token: text().notNull(),
  leaseUntil: instant().notNull(),
})

/** Which newsletter takes from which source. Until `admittedAt` what the source holds has not been let in or seeded. */
export const newsletterSource = pgTable(
  'newsletter_source',
  {
    newsletterId: bigNumber()
      .notNull()
      .references(() => newsletter.id),
    sourceId: bigNumber()
      .notNull()
      .references(() => source.id),
    /** Days; null lets in everything, 0 nothing. */
    backfillDays: integer(),
    admittedAt: instant(),
    createdAt: instant().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.newsletterId, table.sourceId] }),
    index('newsletter_source_source').on(table.sourceId),
    check('newsletter_source_backfill', sql`${table.backfillDays} >= 0`),
  ],
)
