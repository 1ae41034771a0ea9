import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'

/** An edition's deliveries by state: the sums of its batches' counters, since counting rows would take too long. */
export type DeliveryCounts = {
  readonly planned: number
  readonly queued: number
  readonly sending: number
  readonly sent: number
  readonly deferred: number
  readonly failed: number
  readonly suppressed: number
  readonly skipped: number
  readonly superseded: number
  readonly cancelled: number
}

/** Adds up the counters of an edition's batches. */
export async function countDeliveries(db: Database, editionId: number): Promise<DeliveryCounts> {
  const rows = await db.execute<Omit<DeliveryCounts, 'queued'>>(sql`
    select coalesce(sum(to_seq - from_seq + 1), 0) as planned, coalesce(sum(sending), 0) as sending,
      coalesce(sum(sent), 0) as sent, coalesce(sum(deferred), 0) as deferred, coalesce(sum(failed), 0) as failed,
      coalesce(sum(suppressed), 0) as suppressed, coalesce(sum(skipped), 0) as skipped,
      coalesce(sum(superseded), 0) as superseded, coalesce(sum(cancelled), 0) as cancelled
    from batch where edition_id = ${editionId}`)
  const sums = rows.rows[0] ?? NO_DELIVERIES
  const { planned, ...states } = sums
  return { ...sums, queued: planned - Object.values(states).reduce((sum, count) => sum + count, 0) }
}

/** Counts the articles and variants of an edition. */
export async function countContents(db: Database, editionId: number): Promise<{ articles: number; variants: number }> {
  const rows = await db.execute<{ articles: number; variants: number }>(sql`
    select (select count(*) from edition_article where edition_id = ${editionId}) as articles,
      (select count(*) from variant where edition_id = ${editionId}) as variants`)
  return rows.rows[0] ?? { articles: 0, variants: 0 }
}

/** The counts of an edition for which nothing was planned. */
export const NO_DELIVERIES: DeliveryCounts = {
  planned: 0,
  queued: 0,
  sending: 0,
  sent: 0,
  deferred: 0,
  failed: 0,
  suppressed: 0,
  skipped: 0,
  superseded: 0,
  cancelled: 0,
}
