import { and, asc, eq, lte, type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { batch } from '../db/schema/batch.ts'
import { anyOf } from '../db/sql.ts'
import { RECALL_SECONDS, requeueSending } from '../editions/recall.ts'

/** A worker's hold on a batch. Whatever is done under an older token is refused by the database. */
export type Lease = {
  readonly batchId: number
  readonly editionId: number
  readonly fromSeq: number
  readonly toSeq: number
  readonly token: number
}

/** A worker's lease lasts this long past its last heartbeat. */
export const LEASE_SECONDS = 15
export const HEARTBEAT_MS = 5_000
/** Nothing is sent in the last seconds of a lease. */
export const MARGIN_MS = 2_000

type LeasedRow = { id: number; edition_id: number; from_seq: number; to_seq: number; token: number }

/**
 * Leases the due batch that is next in turn, or null when there is none. What a worker whose lease ran out had claimed is
 * queued again: at most what was on its connections is sent twice, with the same Message-ID.
 */
export async function leaseBatch(
  db: Database,
  owner: string,
  editionId: number | null,
  now: Temporal.Instant,
): Promise<Lease | null> {
  const next = nextDue(editionId, now)
  const found = await db.execute<LeasedRow & { stale: boolean }>(sql`
    with next as (${next}), leased as (
      update batch s set ${leaseTo(owner, now)} from next where s.id = next.id and next.sending = 0
      returning s.id, s.token
    )
    select next.id, next.edition_id, next.from_seq, next.to_seq, leased.token, leased.id is null as stale
    from next left join leased on leased.id = next.id`)
  const row = found.rows[0]
  if (row === undefined) return null
  return row.stale ? takeOver(db, owner, next, now) : readLease(row)
}

/** Leases a batch whose last holder is gone, in the transaction that queues again what that one had claimed. */
async function takeOver(db: Database, owner: string, next: SQL, now: Temporal.Instant): Promise<Lease | null> {
  return db.transaction(async (tx) => {
    const [stale] = (await tx.execute<{ id: number; edition_id: number; sending: number }>(next)).rows
    if (stale === undefined) return null
    if (stale.sending > 0) await requeueSending(tx, stale.edition_id, [stale.id])
    const leased = await tx.execute<LeasedRow>(sql`
      update batch s set ${leaseTo(owner, now)} where id = ${stale.id}
      returning id, edition_id, from_seq, to_seq, token`)
    const row = leased.rows[0]
    return row === undefined ? null : readLease(row)
  })
}

const nextDue = (editionId: number | null, now: Temporal.Instant) => sql`
  select s.id, s.edition_id, s.from_seq, s.to_seq, s.sending
  from batch s join edition e on e.id = s.edition_id
  where e.state = 'sending' and (${editionId}::bigint is null or e.id = ${editionId}) and s.due_at <= ${now.toString()}
    and (s.lease_until is null or s.lease_until <= ${now.toString()})
    and (s.recalled_until is null or s.recalled_until <= ${now.toString()})
  order by e.frequency is distinct from 'instant', s.due_at, s.id
  limit 1
  for update of s skip locked`

const leaseTo = (owner: string, now: Temporal.Instant) =>
  sql`owner = ${owner}, token = s.token + 1, lease_until = ${leaseEnd(now)}, recalled_until = null`

const readLease = (row: LeasedRow): Lease => ({
  batchId: row.id,
  editionId: row.edition_id,
  fromSeq: row.from_seq,
  toSeq: row.to_seq,
  token: row.token,
})

/**
 * After the clock was set back: leases and recalls last no longer than they would from now on. A living worker prolongs its
 * own; a dead one's would else hold its batch, and the newsletter's planning, until the old time is reached again.
 */
export async function shortenLeases(tx: Database, now: Temporal.Instant): Promise<void> {
  const end = leaseEnd(now)
  const recallEnd = now.add({ seconds: RECALL_SECONDS }).toString()
  await tx.execute(sql`
    with locked as (
      select id from batch
      where due_at is not null and (lease_until > ${end} or recalled_until > ${recallEnd})
      order by id for update
    )
    update batch s set lease_until = least(s.lease_until, ${end}), recalled_until = least(s.recalled_until, ${recallEnd})
    from locked where s.id = locked.id`)
  await tx.execute(sql`update notice set lease_until = ${end} where state = 'sending' and lease_until > ${end}`)
}

/** Whether there is a batch that a worker could lease now. */
export async function hasDueBatch(db: Database, now: Temporal.Instant): Promise<boolean> {
  const at = now.toString()
  const rows = await db.execute<{ due: boolean }>(sql`
    select exists (
      select from batch s join edition e on e.id = s.edition_id
      where e.state = 'sending' and s.due_at <= ${at} and (s.lease_until is null or s.lease_until <= ${at})
        and (s.recalled_until is null or s.recalled_until <= ${at})
    ) as due`)
  return rows.rows[0]?.due ?? false
}

/**
 * Prolongs these leases and returns the ids of the batches that are still held. Only what the worker knows to hold: a lease
 * whose answer was lost on the way must run out. Locked in id order, as everybody locks batches.
 */
export async function extendLeases(
  db: Database,
  leases: readonly Lease[],
  now: Temporal.Instant,
): Promise<ReadonlySet<number>> {
  const rows = leases.map(({ batchId, token }) => ({ id: batchId, token }))
  const held = await db.execute<{ id: number }>(sql`
    with held as (
      select s.id from batch s
      where s.id = ${anyOf(rows.map(({ id }) => id))}
        and (s.id, s.token) in (select id, token from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (id bigint, token integer))
      order by s.id for update
    )
    update batch s set lease_until = ${leaseEnd(now)} from held where s.id = held.id
    returning s.id`)
  return new Set(held.rows.map((row) => row.id))
}

/**
 * Gives a lease back and says when the batch has something to do again: never, at once, or at its earliest retry. What is
 * still `sending` under it is queued again: `unrecorded`, whose message was ended, as perhaps sent, and all else as never
 * tried. Nothing happens when the lease was lost, so it is safe to repeat.
 */
export async function endLease(
  db: Database,
  lease: Lease,
  unrecorded: readonly number[],
  now: Temporal.Instant,
): Promise<void> {
  const isUnrecorded = sql`d.seq = any(${listOf(unrecorded)}::integer[])`
  const ofBatch = sql`d.edition_id = ${lease.editionId} and d.seq between ${lease.fromSeq} and ${lease.toSeq}`
  await db.execute(sql`
    with held as (
      select id from batch where id = ${lease.batchId} and token = ${lease.token} for update
    ), returned as (
      update delivery d set state = 'queued', ambiguous = d.ambiguous or ${isUnrecorded},
        attempts = d.attempts - case when ${isUnrecorded} then 0 else 1 end
      from held where ${ofBatch} and d.state = 'sending'
    )
    update batch s set owner = null, lease_until = null, sending = 0, due_at = (
      select min(case when d.state = 'deferred' then d.retry_at else ${now.toString()}::timestamptz end)
      from delivery d where ${ofBatch} and d.state in ('queued', 'sending', 'deferred')
    )
    from held where s.id = held.id and s.token = ${lease.token}`)
}

/** Until when other workers hold due batches of the edition; null when nobody does. */
export async function heldUntil(
  db: Database,
  editionId: number,
  now: Temporal.Instant,
): Promise<Temporal.Instant | null> {
  const rows = await db
    .select({ leaseUntil: batch.leaseUntil, recalledUntil: batch.recalledUntil })
    .from(batch)
    .where(and(eq(batch.editionId, editionId), lte(batch.dueAt, now)))
    .orderBy(asc(batch.leaseUntil))
    .limit(1)
  return rows[0]?.leaseUntil ?? rows[0]?.recalledUntil ?? null
}

const listOf = (numbers: readonly number[]) => `{${numbers.join(',')}}`
const leaseEnd = (now: Temporal.Instant) => now.add({ seconds: LEASE_SECONDS }).toString()
