import { sql } from 'drizzle-orm'
import { index, integer, pgTable, primaryKey, text, unique } from 'drizzle-orm/pg-core'
import { bigNumber, emptyIntegers, emptyTexts, id, instant } from './columns.ts'
import { newsletter } from './newsletter.ts'
import { source } from './source.ts'

/** One item as collected, its text sanitised. `urlKey` and `titleKey` are what it is known by across sources. */
export const article = pgTable(
  'article',
  {
    id: id(),
    /** The source that brought it first; only it may change the text. */
    sourceId: bigNumber()
      .notNull()
      .references(() => source.id),
    url: text().notNull(),
    urlKey: text().notNull(),
    title: text().notNull(),
    titleKey: text().notNull(),
    summary: text(),
    contentHtml: text(),
    author: text(),
    imageUrl: text(),
    imageAlt: text(),
    /** Pixels, where the source states them. */
    imageWidth: integer(),
    imageHeight: integer(),
    language: text(),
    topics: text().array().notNull().default(emptyTexts),
    wordCount: integer(),
    textHash: text().notNull(),
    publishedAt: instant(),
    /** `removed` keeps what an article is known by, so that its source does not bring it back, and nothing else. */
    state: text({ enum: ['visible', 'held', 'hidden', 'removed'] })
      .notNull()
      .default('visible'),
    createdAt: instant().notNull(),
    updatedAt: instant().notNull(),
  },
  (table) => [
    index('article_url_key').on(table.urlKey),
    index('article_of_source').on(table.sourceId, table.id),
    index('article_held').on(table.sourceId).where(sql`${table.state} = 'held'`),
  ],
)

/** Where an article was seen, and by which guid: the identity within a source. */
export const articleSource = pgTable(
  'article_source',
  {
    articleId: bigNumber()
      .notNull()
      .references(() => article.id),
    sourceId: bigNumber()
      .notNull()
      .references(() => source.id),
    guid: text().notNull(),
    seenAt: instant().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.sourceId, table.guid] }),
    index('article_source_of_article').on(table.articleId),
  ],
)

/** Newsletter × article, in the order in which articles became visible to the newsletter: what watermarks count. */
export const entry = pgTable(
  'entry',
  {
    id: id(),
    newsletterId: bigNumber()
      .notNull()
      .references(() => newsletter.id),
    articleId: bigNumber()
      .notNull()
      .references(() => article.id),
    /** Ids of the newsletter's topics, ascending. */
    topics: integer().array().notNull().default(emptyIntegers),
    createdAt: instant().notNull(),
  },
  (table) => [
    unique('entry_newsletter_article').on(table.newsletterId, table.articleId),
    index('entry_order').on(table.newsletterId, table.id),
  ],
)
