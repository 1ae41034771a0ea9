import { and, count, desc, eq, isNotNull, sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { type DeliveryState, delivery } from '../../db/delivery.ts'

/** Why deliveries of an edition are in their state, in Courant's words. */
export type DeliveryReason = {
  readonly state: DeliveryState
  readonly reason: string
  readonly deliveries: number
  /** Of them, those that a relay may have accepted although no reply came. */
  readonly ambiguous: number
  /** A relay's reply to one of them, word for word; null where none was asked. */
  readonly reply: string | null
}

/** The reason, followed by the relay's reply in brackets. */
export function formatReason({ reason, reply }: Pick<DeliveryReason, 'reason' | 'reply'>): string {
  return reply === null ? reason : `${reason} (${reply})`
}

const MAX_REASONS = 50

/**
 * Lists the reasons of an edition's deliveries, the most frequent first, also of those that count as sent but may not have
 * been. An edition older than 180 days has none any more.
 */
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
    .limit(MAX_REASONS)
}
