import { desc, eq, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { type DeliveryState, delivery } from '../../db/delivery.ts'
import { edition } from '../../db/schema/edition.ts'
import { newsletter } from '../../db/schema/newsletter.ts'
import { subscriber, subscription } from '../../db/schema/subscriber.ts'
import { addressKey } from '../../mail/addresses/address.ts'

/** One edition a reader was to get, and what became of it. */
export type DeliveryRecord = {
  readonly edition: number
  readonly newsletter: string
  readonly state: DeliveryState
  readonly reason: string | null
  /** The relay's own words. */
  readonly reply: string | null
  readonly attempts: number
  /** A relay may have taken it although it never said so. */
  readonly ambiguous: boolean
  /** When it is tried again; null unless it is deferred. */
  readonly retryAt: Temporal.Instant | null
  /** When it was sent, or ended otherwise. */
  readonly finalAt: Temporal.Instant | null
}

const MOST_SHOWN = 20

/** The newest deliveries to the reader with this address, the newest first; older than 180 days they are gone. */
export async function readDeliveryHistory(db: Database, email: string): Promise<readonly DeliveryRecord[]> {
  // Looked up edition by edition: the only index that knows readers begins with the edition.
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
    .limit(MOST_SHOWN)
}
