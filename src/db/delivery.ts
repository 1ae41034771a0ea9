import { boolean, integer, pgTable, smallint, text } from 'drizzle-orm/pg-core'
import { bigNumber, instant } from './schema/columns.ts'

/**
 * Edition × subscriber. The table is partitioned by ranges of edition id, which drizzle cannot say: it is made by a
 * migration of its own and stands outside the generated schema. Unique (edition, seq) and (edition, subscriber);
 * no index names a column that sending changes, so that every change stays on its page.
 */
export const delivery = pgTable('delivery', {
  editionId: bigNumber().notNull(),
  /** Position in the edition, ordered by variant; batches are ranges of it. */
  seq: integer().notNull(),
  variantId: bigNumber().notNull(),
  subscriptionId: bigNumber().notNull(),
  subscriberId: bigNumber().notNull(),
  /** The watermark it started from, given back when it ends without being sent. */
  startEntryId: bigNumber().notNull(),
  state: text({
    enum: ['queued', 'sending', 'sent', 'deferred', 'failed', 'suppressed', 'skipped', 'superseded', 'cancelled'],
  })
    .notNull()
    .default('queued'),
  attempts: smallint().notNull().default(0),
  ambiguous: boolean().notNull().default(false),
  reason: text(),
  /** The relay's own words. */
  reply: text(),
  firstTriedAt: instant(),
  retryAt: instant(),
  finalAt: instant(),
})

export type DeliveryState = (typeof delivery.$inferSelect)['state']
