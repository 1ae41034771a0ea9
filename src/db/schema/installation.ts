import { integer, pgTable, smallint, text } from 'drizzle-orm/pg-core'
import { bytes, instant } from '../columns.ts'

/** The one row that says which installation this is. `hashKey` keys the hashes of addresses, so that they outlive a change of SECRET. */
export const installation = pgTable('installation', {
  id: smallint().primaryKey(),
  hashKey: bytes().notNull(),
  epoch: integer().notNull(),
  createdAt: instant().notNull(),
})

/** When a part of the running system was last alive; `/readyz` looks at it. */
export const heartbeat = pgTable('heartbeat', {
  name: text({ enum: ['scheduler'] }).primaryKey(),
  at: instant().notNull(),
})
