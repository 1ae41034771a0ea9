import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { type OptInOrder, queueOptIns } from './queue.ts'

/** A subscription whose reader is to be asked for confirmation. */
type ConfirmationWish = { readonly subscriberId: number; readonly subscriptionId: number }

type Open = { readonly id: number; readonly ids: readonly number[]; readonly queued: boolean }
type Order = OptInOrder & { readonly noticeId: number | null }

/**
 * Queues one confirmation mail a reader, that names all their subscriptions of `wishes`: one that still waits is told of
 * them instead of a second. Returns the subscriptions asked about anew: none of a reader whose opt-in mails are spent.
 * The subscribers must be locked.
 */
export async function queueConfirmations(
  tx: Database,
  wishes: readonly ConfirmationWish[],
  now: Temporal.Instant,
): Promise<ReadonlySet<number>> {
  if (wishes.length === 0) return new Set()
  const open = await findOpen(tx, wishes)
  const isAsked = (wish: ConfirmationWish) =>
    (open.get(wish.subscriberId) ?? []).some((n) => n.ids.includes(wish.subscriptionId))
  const anew = wishes.filter((wish) => !isAsked(wish))
  const orders = [...Map.groupBy(anew, (wish) => wish.subscriberId)].map(([subscriberId, of]): Order => {
    const waiting = open.get(subscriberId)?.find((notice) => notice.queued)
    const subscriptionIds = [...(waiting?.ids ?? []), ...of.map((wish) => wish.subscriptionId)]
    return { noticeId: waiting?.id ?? null, subscriberId, subscriptionIds }
  })
  const told = await tellWaiting(
    tx,
    orders.filter((order) => order.noticeId !== null),
  )
  const untold = orders.filter((order) => !told.has(order.subscriberId))
  const queued = await queueOptIns(tx, 'confirmation', untold, now)
  const isTaken = (wish: ConfirmationWish) => told.has(wish.subscriberId) || queued.has(wish.subscriberId)
  return new Set(anew.filter(isTaken).map((wish) => wish.subscriptionId))
}

async function findOpen(tx: Database, wishes: readonly ConfirmationWish[]): Promise<ReadonlyMap<number, Open[]>> {
  type Row = { id: number; subscriber_id: number; ids: number[] | null; state: string }
  // Each reader's are looked up (`offset 0`): where statistics are old, as during a large import, all notices that wait would
  // be read for each reader, which takes 4 ms a reader with 40,000 of them.
  const found = await tx.execute<Row>(sql`
    select n.id, n.subscriber_id, n.payload -> 'subscriptionIds' as ids, n.state
    from (select distinct "subscriberId" from jsonb_to_recordset(${JSON.stringify(wishes)}::jsonb)
      as w ("subscriberId" bigint)) w
    cross join lateral (select * from notice where subscriber_id = w."subscriberId" offset 0) n
    where n.kind = 'confirmation' and n.state in ('queued', 'sending')
    order by n.id`)
  const groups = Map.groupBy(found.rows, (row) => row.subscriber_id)
  const openOf = (row: Row): Open => ({ id: row.id, ids: row.ids ?? [], queued: row.state === 'queued' })
  return new Map([...groups].map(([subscriberId, rows]) => [subscriberId, rows.map(openOf)]))
}

/**
 * Returns whose notices still waited. One that a worker has just taken does not name the new subscriptions, nor does one that
 * may have arrived: its repetition would have the same Message-ID.
 */
async function tellWaiting(tx: Database, orders: readonly Order[]): Promise<ReadonlySet<number>> {
  if (orders.length === 0) return new Set()
  const told = await tx.execute<{ subscriber_id: number }>(sql`
    update notice n set payload = jsonb_build_object('subscriptionIds', w."subscriptionIds")
    from jsonb_to_recordset(${JSON.stringify(orders)}::jsonb) as w ("noticeId" bigint, "subscriptionIds" jsonb)
    where n.id = w."noticeId" and n.state = 'queued' and not n.ambiguous
    returning n.subscriber_id`)
  return new Set(told.rows.map((row) => row.subscriber_id))
}
