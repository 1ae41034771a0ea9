import { and, count, desc, eq, isNotNull, sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { type DeliveryState, delivery } from '../../db/delivery.ts'

/** Why deliveries of an edition stand as they do, in Courant's words. */
export type DeliveryReason = {
  readonly state: DeliveryState
  readonly reason: string
  readonly deliveries: number
  /** Of them, those a relay may have taken although it never said so. */
  readonly ambiguous: number
  /** What a relay said to one of them, word for word; null where none was asked. */
  readonly reply: string | null
}

/** A reason with the relay's words behind it. */
export function formatReason({ reason, reply }: Pick<DeliveryReason, 'reason' | 'reply'>): string {
  return reply === null ? reason : `${reason} (${reply})`
}

const MOST_REASONS = 50

/** The reasons there are, the most frequent first, also of what counts as sent in doubt. Of an edition that is old nothing is known any more. */
export async function listReasons(db: Database, editionId: number): Promise<readonly DeliveryReason[]> {
  const deliveries = count()
  return db
    .select({
      state: delivery.state,
      reason: sql<string>`${delivery.reason}`,
      deliveries,
      ambiguous: sql<number>`count(*) filter (where ${delivery.ambiguous})`,
      reply: sql<string | null>`min(${delivery.reply})`,
    })
    .from(delivery)
    .where(and(eq(delivery.editionId, editionId), isNotNull(delivery.reason)))
    .groupBy(delivery.state, delivery.reason)
    .orderBy(desc(deliveries), delivery.state, delivery.reason)
    .limit(MOST_REASONS)
}
