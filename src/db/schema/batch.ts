import { sql } from 'drizzle-orm'
import { check, index, integer, pgTable, text } from 'drizzle-orm/pg-core'
import { bigNumber, id, instant } from './columns.ts'
import { edition } from './edition.ts'

/**
 * A range of one edition's deliveries: what a worker leases. Its counters add up to the range:
 * queued = to_seq − from_seq + 1 − the other counters, and is therefore no column.
 */
export const batch = pgTable(
  'batch',
  {
    id: id(),
    editionId: bigNumber()
      .notNull()
      .references(() => edition.id),
    fromSeq: integer().notNull(),
    toSeq: integer().notNull(),
    /** When there is something to do; null when all is final. */
    dueAt: instant(),
    owner: text(),
    leaseUntil: instant(),
    /** Raised by every lease; work done under an older one is refused. */
    token: integer().notNull().default(0),
    /** The planner wants it back; until then nobody leases it, longer than a dead planner needs. */
    recalledUntil: instant(),
    sending: integer().notNull().default(0),
    sent: integer().notNull().default(0),
    deferred: integer().notNull().default(0),
    failed: integer().notNull().default(0),
    suppressed: integer().notNull().default(0),
    skipped: integer().notNull().default(0),
    superseded: integer().notNull().default(0),
    cancelled: integer().notNull().default(0),
  },
  (table) => [
    index('batch_edition').on(table.editionId),
    check('batch_range', sql`${table.fromSeq} <= ${table.toSeq}`),
    check(
      'batch_counters',
      sql`least(${table.sending}, ${table.sent}, ${table.deferred}, ${table.failed}, ${table.suppressed}, ${table.skipped}, ${table.superseded}, ${table.cancelled}) >= 0
      and ${table.sending} + ${table.sent} + ${table.deferred} + ${table.failed} + ${table.suppressed} + ${table.skipped} + ${table.superseded} + ${table.cancelled} <= ${table.toSeq} - ${table.fromSeq} + 1`,
    ),
  ],
)
