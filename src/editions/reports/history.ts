import { desc, eq, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { type DeliveryState, delivery } from '../../db/delivery.ts'
import { edition } from '../../db/schema/edition.ts'
import { newsletter } from '../../db/schema/newsletter.ts'
import { subscriber, subscription } from '../../db/schema/subscriber.ts'
import { addressKey } from '../../mail/addresses/address.ts'

/** A delivery to a reader, and what became of it. */
export type DeliveryRecord = {
  readonly edition: number
  readonly newsletter: string
  readonly state: DeliveryState
  readonly reason: string | null
  /** The relay's reply, word for word. */
  readonly reply: string | null
  readonly attempts: number
  /** A relay may have accepted it, although no reply came. */
  readonly ambiguous: boolean
  /** When it is tried again; null unless it is deferred. */
  readonly retryAt: Temporal.Instant | null
  /** When it was sent, or ended in another way. */
  readonly finalAt: Temporal.Instant | null
}

const MAX_SHOWN = 20

/** Reads the latest deliveries to the reader with this address, newest first; they are kept for 180 days. */
export async function readDeliveryHistory(db: Database, email: string): Promise<readonly DeliveryRecord[]> {
  // Looked up edition by edition: the only index with readers begins with the edition.
  const found = db
    .select()
    .from(delivery)
    .where(sql`${delivery.editionId} = ${edition.id} and ${delivery.subscriberId} = ${subscriber.id}`)
    .limit(1)
    .as('found')
  return db
    .select({
      edition: edition.id,
      newsletter: newsletter.slug,
      state: found.state,
      reason: found.reason,
      reply: found.reply,
      attempts: found.attempts,
      ambiguous: found.ambiguous,
      retryAt: sql<Temporal.Instant | null>`case when ${found.state} = 'deferred' then ${found.retryAt} end`.mapWith(
        delivery.retryAt,
      ),
      finalAt: found.finalAt,
    })
    .from(subscriber)
    .innerJoin(subscription, eq(subscription.subscriberId, subscriber.id))
    .innerJoin(newsletter, eq(newsletter.id, subscription.newsletterId))
    .innerJoin(edition, eq(edition.newsletterId, newsletter.id))
    .innerJoinLateral(found, sql`true`)
    .where(eq(subscriber.emailKey, addressKey(email)))
    .orderBy(desc(edition.id))
    .limit(MAX_SHOWN)
}
