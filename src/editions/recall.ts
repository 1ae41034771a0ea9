import { sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'

/** Longer than a planner needs; a planner that died lets go by it. */
export const RECALL_SECONDS = 60
/** A recall that is waited for is prolonged when so much of it is left. */
const PROLONG_SECONDS = 30

/**
 * Asks the workers to give back the newsletter's open batches, or goes on asking: batches that were asked for a moment ago are
 * not written again. Locked in id order, as everybody locks batches.
 */
export async function recallBatches(db: Database, newsletterId: number, now: Temporal.Instant): Promise<void> {
  await db.execute(sql`
    with asked as (
      select s.id from batch s join edition e on e.id = s.edition_id
      where e.newsletter_id = ${newsletterId} and s.due_at is not null and e.state in ('planning', 'sending', 'paused', 'held')
        and (s.recalled_until is null or s.recalled_until <= ${now.add({ seconds: PROLONG_SECONDS }).toString()})
      order by s.id for update of s
    )
    update batch s set recalled_until = ${now.add({ seconds: RECALL_SECONDS }).toString()} from asked where s.id = asked.id`)
}

/** Lets workers lease the newsletter's batches again. */
export async function releaseRecall(db: Database, newsletterId: number): Promise<void> {
  await db.execute(sql`
    with asked as (
      select s.id from batch s join edition e on e.id = s.edition_id
      where e.newsletter_id = ${newsletterId} and s.recalled_until is not null
      order by s.id for update of s
    )
    update batch s set recalled_until = null from asked where s.id = asked.id`)
}

/**
 * Locks the newsletter's open batches for the rest of the transaction, so that no worker leases one, and takes what a dead
 * worker left `sending` back into the queue. False when a living worker still holds one: recall and wait first.
 */
export async function lockOpenBatches(tx: Database, newsletterId: number, now: Temporal.Instant): Promise<boolean> {
  const batches = await tx.execute<{ id: number; edition_id: number; leased: boolean; sending: number }>(sql`
    select s.id, s.edition_id, coalesce(s.lease_until > ${now.toString()}, false) as leased, s.sending
    from batch s join edition e on e.id = s.edition_id
    where e.newsletter_id = ${newsletterId} and s.due_at is not null and e.state in ('planning', 'sending', 'paused', 'held')
    order by s.id for update of s`)
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
 * Queues again what the last holder of these batches of one edition had claimed, and perhaps sent; the caller has locked
 * the batches.
 */
export async function requeueSending(tx: Database, editionId: number, batchIds: readonly number[]): Promise<void> {
  const ids = sql`any(${`{${batchIds.join(',')}}`}::bigint[])`
  await tx.execute(sql`
    update delivery d set state = 'queued', ambiguous = true
    from batch s
    where s.id = ${ids} and d.edition_id = ${editionId} and d.seq between s.from_seq and s.to_seq and d.state = 'sending'`)
  await tx.execute(
    sql`update batch set sending = 0, token = token + 1, owner = null, lease_until = null where id = ${ids}`,
  )
}
