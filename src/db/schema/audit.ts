import { sql } from 'drizzle-orm'
import { check, jsonb, pgTable, text } from 'drizzle-orm/pg-core'
import { id, instant } from './columns.ts'

/** What somebody changed through an operation. It holds no address, secret or text of a mail. */
export const auditLog = pgTable(
  'audit_log',
  {
    id: id(),
    at: instant().notNull(),
    actorKind: text({ enum: ['cli', 'account', 'api-key', 'system'] }).notNull(),
    /** The user of the operating system, the account, the key's name, or the part of Courant. */
    actorName: text().notNull(),
    /** Its stable name, such as `newsletter.add`. */
    operation: text().notNull(),
    /** What it was done to: a newsletter's slug, an edition's or a source's id. */
    subject: text(),
    details: jsonb().$type<Record<string, unknown>>().notNull().default({}),
  },
  (table) => [check('audit_log_actor', sql`${table.actorKind} in ('cli', 'account', 'api-key', 'system')`)],
)
