import { sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'

/** Longer than a planner needs; a planner that died lets go by it. */
export const RECALL_SECONDS = 60
/** A recall that is waited for is prolonged when so much of it is left. */
const PROLONG_SECONDS = 30

/**
 * Asks the workers to give back the newsletter's open shares, or goes on asking: shares that were asked for a moment ago are
 * not written again. Locked in id order, as everybody locks shares.
 */
export async function recallShares(db: Database, newsletterId: number, now: Temporal.Instant): Promise<void> {
  await db.execute(sql`
    with asked as (
      select s.id from share s join edition e on e.id = s.edition_id
      where e.newsletter_id = ${newsletterId} and s.due_at is not null and e.state in ('planning', 'sending', 'paused', 'held')
        and (s.recalled_until is null or s.recalled_until <= ${now.add({ seconds: PROLONG_SECONDS }).toString()})
      order by s.id for update of s
    )
    update share s set recalled_until = ${now.add({ seconds: RECALL_SECONDS }).toString()} from asked where s.id = asked.id`)
}

/** Lets workers lease the newsletter's shares again. */
export async function releaseRecall(db: Database, newsletterId: number): Promise<void> {
  await db.execute(sql`
    with asked as (
      select s.id from share s join edition e on e.id = s.edition_id
      where e.newsletter_id = ${newsletterId} and s.recalled_until is not null
      order by s.id for update of s
    )
    update share s set recalled_until = null from asked where s.id = asked.id`)
}

/**
 * Locks the newsletter's open shares for the rest of the transaction, so that no worker leases one, and takes what a dead
 * worker left `sending` back into the queue. False when a living worker still holds one: recall and wait first.
 */
export async function lockOpenShares(tx: Database, newsletterId: number, now: Temporal.Instant): Promise<boolean> {
  const shares = await tx.execute<{ id: number; edition_id: number; leased: boolean; sending: number }>(sql`
    select s.id, s.edition_id, coalesce(s.lease_until > ${now.toString()}, false) as leased, s.sending
    from share s join edition e on e.id = s.edition_id
    where e.newsletter_id = ${newsletterId} and s.due_at is not null and e.state in ('planning', 'sending', 'paused', 'held')
    order by s.id for update of s`)
  if (shares.rows.some((share) => share.leased)) return false
  const stale = shares.rows.filter((share) => share.sending > 0)
  for (const editionId of new Set(stale.map((share) => share.edition_id)))
    await requeueSending(
      tx,
      editionId,
      stale.filter((share) => share.edition_id === editionId).map((share) => share.id),
    )
  return true
}

/**
 * Queues again what the last holder of these shares of one edition had claimed, and perhaps sent; the caller has locked
 * the shares.
 */
export async function requeueSending(tx: Database, editionId: number, shareIds: readonly number[]): Promise<void> {
  const ids = sql`any(${`{${shareIds.join(',')}}`}::bigint[])`
  await tx.execute(sql`
    update delivery d set state = 'queued', ambiguous = true
    from share s
    where s.id = ${ids} and d.edition_id = ${editionId} and d.seq between s.from_seq and s.to_seq and d.state = 'sending'`)
  await tx.execute(
    sql`update share set sending = 0, token = token + 1, owner = null, lease_until = null where id = ${ids}`,
  )
}
