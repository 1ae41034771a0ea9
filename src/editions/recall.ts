import { sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { anyOf, openStates } from '../db/sql.ts'

/** Longer than a planner needs; the recall of a planner that died ends by itself after it. */
export const RECALL_SECONDS = 60
/** A recall that is waited for is prolonged when no more than this is left of it. */
const PROLONG_SECONDS = 30

/**
 * How long to wait for workers to give their batches back: they do so after the messages on the wire, within seconds, and a
 * dead worker's lease ends after 15 s.
 */
export const BATCH_WAIT_MS = 60_000
/** How often to ask meanwhile. */
export const BATCH_POLL_MS = 50
/** Batches, of 500 deliveries each, changed in one transaction: it locks the newsletter's cohorts, which others wait for. */
export const BATCHES_PER_SLICE = 40

/**
 * Asks the workers to give back the newsletter's open batches, or keeps asking: batches that were asked for a moment ago
 * are not written again. Batches are locked in id order, as everywhere.
 */
export async function recallBatches(db: Database, newsletterId: number, now: Temporal.Instant): Promise<void> {
  await db.execute(sql`
    with recalled as (
      select b.id from batch b join edition e on e.id = b.edition_id
      where e.newsletter_id = ${newsletterId} and b.due_at is not null and e.state in ${openStates}
        and (b.recalled_until is null or b.recalled_until <= ${now.add({ seconds: PROLONG_SECONDS }).toString()})
      order by b.id for update of b
    )
    update batch b set recalled_until = ${now.add({ seconds: RECALL_SECONDS }).toString()} from recalled where b.id = recalled.id`)
}

/** Lets workers lease the newsletter's batches again. */
export async function releaseRecall(db: Database, newsletterId: number): Promise<void> {
  await db.execute(sql`
    with recalled as (
      select b.id from batch b join edition e on e.id = b.edition_id
      where e.newsletter_id = ${newsletterId} and b.recalled_until is not null
      order by b.id for update of b
    )
    update batch b set recalled_until = null from recalled where b.id = recalled.id`)
}

/**
 * Locks the newsletter's open batches for the rest of the transaction, so that no worker leases one, and queues again what
 * a dead worker left `sending`. False when a living worker still holds one: recall and wait first.
 */
export async function lockOpenBatches(tx: Database, newsletterId: number, now: Temporal.Instant): Promise<boolean> {
  const batches = await tx.execute<{ id: number; edition_id: number; leased: boolean; sending: number }>(sql`
    select b.id, b.edition_id, coalesce(b.lease_until > ${now.toString()}, false) as leased, b.sending
    from batch b join edition e on e.id = b.edition_id
    where e.newsletter_id = ${newsletterId} and b.due_at is not null and e.state in ${openStates}
    order by b.id for update of b`)
  if (batches.rows.some((batch) => batch.leased)) return false
  const stale = batches.rows.filter((batch) => batch.sending > 0)
  for (const editionId of new Set(stale.map((batch) => batch.edition_id)))
    await requeueSending(
      tx,
      editionId,
      stale.filter((batch) => batch.edition_id === editionId).map((batch) => batch.id),
    )
  return true
}

/**
 * Queues again what the last holder of these batches of one edition had claimed, and possibly sent. The batches must be
 * locked.
 */
export async function requeueSending(tx: Database, editionId: number, batchIds: readonly number[]): Promise<void> {
  const isStale = sql`b.id = ${anyOf(batchIds)}`
  await tx.execute(sql`
    update delivery d set state = 'queued', ambiguous = true
    from batch b
    where ${isStale} and d.edition_id = ${editionId} and d.seq between b.from_seq and b.to_seq and d.state = 'sending'`)
  await tx.execute(
    sql`update batch b set sending = 0, token = token + 1, owner = null, lease_until = null where ${isStale}`,
  )
}
