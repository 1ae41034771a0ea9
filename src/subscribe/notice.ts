import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'

/** A subscription whose reader is to be asked for confirmation. */
export type ConfirmationWish = { readonly subscriberId: number; readonly subscriptionId: number }

type Open = { readonly id: number; readonly ids: readonly number[]; readonly queued: boolean }

/** Message-IDs of notices are made with it. */
const NONCE_OCTETS = 16

/**
 * Queues one confirmation mail a reader, that names all their subscriptions of `wishes`: one that still waits is told of
 * them instead of a second. Returns the subscriptions asked about anew. The subscribers must be locked.
 */
export async function queueConfirmations(
  tx: Database,
  wishes: readonly ConfirmationWish[],
  now: Temporal.Instant,
): Promise<ReadonlySet<number>> {
  if (wishes.length === 0) return new Set()
  const open = await findOpen(tx, wishes)
  const asked = (wish: ConfirmationWish) =>
    (open.get(wish.subscriberId) ?? []).some((n) => n.ids.includes(wish.subscriptionId))
  const anew = Map.groupBy(
    wishes.filter((wish) => !asked(wish)),
    (wish) => wish.subscriberId,
  )
  const orders = [...anew].map(([subscriberId, of]) => {
    const waiting = open.get(subscriberId)?.find((notice) => notice.queued)
    const subscriptionIds = [...(waiting?.ids ?? []), ...of.map((wish) => wish.subscriptionId)]
    return { noticeId: waiting?.id ?? null, subscriberId, payload: { subscriptionIds } }
  })
  const told = await tellWaiting(
    tx,
    orders.filter((order) => order.noticeId !== null),
  )
  await addNotices(
    tx,
    orders.filter((order) => !told.has(order.noticeId ?? 0)),
    now,
  )
  return new Set([...anew.values()].flat().map((wish) => wish.subscriptionId))
}

type Order = {
  readonly noticeId: number | null
  readonly subscriberId: number
  readonly payload: { readonly subscriptionIds: readonly number[] }
}

async function findOpen(tx: Database, wishes: readonly ConfirmationWish[]): Promise<ReadonlyMap<number, Open[]>> {
  type Row = { id: number; subscriber_id: number; ids: number[] | null; state: string }
  const found = await tx.execute<Row>(sql`
    select n.id, n.subscriber_id, n.payload -> 'subscriptionIds' as ids, n.state
    from (select distinct "subscriberId" from jsonb_to_recordset(${JSON.stringify(wishes)}::jsonb)
      as w ("subscriberId" bigint)) w
    join notice n on n.subscriber_id = w."subscriberId" and n.kind = 'confirmation' and n.state in ('queued', 'sending')
    order by n.id`)
  const groups = Map.groupBy(found.rows, (row) => row.subscriber_id)
  const openOf = (row: Row): Open => ({ id: row.id, ids: row.ids ?? [], queued: row.state === 'queued' })
  return new Map([...groups].map(([subscriberId, rows]) => [subscriberId, rows.map(openOf)]))
}

/** Returns the notices that still waited; one that a worker has just taken does not name the new subscriptions. */
async function tellWaiting(tx: Database, orders: readonly Order[]): Promise<ReadonlySet<number>> {
  if (orders.length === 0) return new Set()
  const told = await tx.execute<{ id: number }>(sql`
    update notice n set payload = w.payload
    from jsonb_to_recordset(${JSON.stringify(orders)}::jsonb) as w ("noticeId" bigint, payload jsonb)
    where n.id = w."noticeId" and n.state = 'queued'
    returning n.id`)
  return new Set(told.rows.map((row) => row.id))
}

async function addNotices(tx: Database, orders: readonly Order[], now: Temporal.Instant): Promise<void> {
  if (orders.length === 0) return
  const rows = orders.map((order) => ({ ...order, nonce: randomBytes(NONCE_OCTETS).toString('hex') }))
  await tx.execute(sql`
    insert into notice (kind, subscriber_id, payload, nonce, due_at, created_at)
    select 'confirmation', "subscriberId", payload, decode(nonce, 'hex'), ${now.toString()}::timestamptz,
      ${now.toString()}::timestamptz
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as w ("subscriberId" bigint, payload jsonb, nonce text)
    order by "subscriberId"`)
}
