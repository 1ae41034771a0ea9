import { integer, pgTable, smallint, text } from 'drizzle-orm/pg-core'
import { bytes, instant } from './columns.ts'

/** The one row that says which installation this is. `hashKey` keys the hashes of addresses, so that they outlive a change of SECRET. */
export const installation = pgTable('installation', {
  id: smallint().primaryKey(),
  hashKey: bytes().notNull(),
  epoch: integer().notNull(),
  createdAt: instant().notNull(),
})

/** When the scheduler was last alive, which `/readyz` looks at, and the times in which none was (`scheduler/heartbeat.ts`). */
export const heartbeat = pgTable('heartbeat', {
  name: text().primaryKey(),
  at: instant().notNull(),
})
