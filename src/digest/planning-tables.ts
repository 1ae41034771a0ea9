import { getTableColumns, type SQL, sql } from 'drizzle-orm'
import { bigint, boolean, integer, type PgColumn, type PgTable, pgTable, smallint, text } from 'drizzle-orm/pg-core'
import type { Database } from '../db/client.ts'
import { instant } from '../db/schema/columns.ts'

const id = (name: string) => bigint(name, { mode: 'number' }).notNull()
const ids = (name: string) => bigint(name, { mode: 'number' }).array().notNull()

/** The readers to plan: subscriptions of the slice that may be mailed and have no delivery in the edition yet. */
export const plannedReader = pgTable('planned_reader', {
  subscriptionId: id('subscription_id'),
  subscriberId: id('subscriber_id'),
  topics: integer('topics').array().notNull(),
  locale: text('locale').notNull(),
  format: text('format').notNull(),
  /** The watermark: the reader's own or the cohort's. */
  seen: id('seen'),
  /** Whether the watermark is the reader's own. */
  own: boolean('own').notNull(),
  /** Where to select from: the watermark, or the start of an unsent delivery that is taken over. */
  since: id('since'),
})

/** Unsent deliveries of open editions, of these and some more readers; of the edition that is added to, only possibly sent ones. */
export const plannedUnsent = pgTable('planned_unsent', {
  editionId: id('edition_id'),
  seq: integer('seq').notNull(),
  subscriptionId: id('subscription_id'),
  subscriberId: id('subscriber_id'),
  startEntryId: id('start_entry_id'),
  state: text('state').notNull(),
  attempts: smallint('attempts').notNull(),
  firstTriedAt: instant('first_tried_at'),
  retryAt: instant('retry_at'),
  possiblySent: boolean('possibly_sent').notNull(),
})

/** Readers who get the same: their topics, locale, format and watermarks are the same. */
export const plannedGroup = pgTable('planned_group', {
  /** The same for groups with the same topics. */
  topicsId: integer('topics_id').notNull(),
  /** The same for groups with the same topics and watermarks, whose entries are the same. */
  choiceId: integer('choice_id').notNull(),
  topics: integer('topics').array().notNull(),
  locale: text('locale').notNull(),
  format: text('format').notNull(),
  seen: id('seen'),
  since: id('since'),
  subscriptionIds: ids('subscription_ids'),
  subscriberIds: ids('subscriber_ids'),
  /** The home edition's group, which has no readers. */
  home: boolean('home').notNull(),
})

/** The entries that match each set of topics. */
export const plannedMatch = pgTable('planned_match', {
  topicsId: integer('topics_id').notNull(),
  entryId: id('entry_id'),
  /** Among all entries, newest first. */
  place: integer('place').notNull(),
})

/** What was selected for each group that has something new. */
export const plannedSelection = pgTable('planned_selection', {
  locale: text('locale').notNull(),
  format: text('format').notNull(),
  seen: id('seen'),
  since: id('since'),
  home: boolean('home').notNull(),
  subscriptionIds: ids('subscription_ids'),
  subscriberIds: ids('subscriber_ids'),
  /** Newest first. */
  entryIds: ids('entry_ids'),
  entriesHash: text('entries_hash').notNull(),
  /** Whether these are as many as the newsletter's least number of articles. */
  enough: boolean('enough').notNull(),
})

/** The tables in the order in which a slice creates them. */
const PLANNING_TABLES = [plannedUnsent, plannedReader, plannedGroup, plannedMatch, plannedSelection]

/** Creates one of these tables for the rest of the transaction, from rows whose columns come in the table's order. */
export async function createPlanningTable(tx: Database, table: PgTable, rows: SQL): Promise<void> {
  await tx.execute(sql`create temporary table ${table} (${namesOf(columnsOf(table))}) on commit drop as ${rows}`)
}

/** Gathers statistics on a table just created, which has none: of these columns, or of all. */
export async function analyzePlanningTable(
  tx: Database,
  table: PgTable,
  columns: readonly PgColumn[] = columnsOf(table),
): Promise<void> {
  await tx.execute(sql`analyze ${table} (${namesOf(columns)})`)
}

/** Drops what planning a slice has created, so that the same transaction can plan another. */
export async function dropPlanningTables(tx: Database): Promise<void> {
  await tx.execute(
    sql`drop table ${sql.join(
      PLANNING_TABLES.map((table) => sql`${table}`),
      sql`, `,
    )}`,
  )
}

const columnsOf = (table: PgTable): readonly PgColumn[] => Object.values(getTableColumns(table))

const namesOf = (columns: readonly PgColumn[]): SQL =>
  sql.join(
    columns.map(({ name }) => sql.identifier(name)),
    sql`, `,
  )
