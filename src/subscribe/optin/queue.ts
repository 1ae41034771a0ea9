import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { findFirstAllowed, LONGEST_WAIT_HOURS } from './limits.ts'

/** An opt-in mail wanted: whom, and for which of their subscriptions. */
export type OptInOrder = { readonly subscriberId: number; readonly subscriptionIds: readonly number[] }

/** Message-IDs of notices are made with it. */
const NONCE_OCTETS = 16

/**
 * Queues one opt-in mail a reader, due when the limits of their address first allow it, and counts it there. Returns the
 * subscribers who get one: not those who have had as many as they may. The subscribers must be locked.
 */
export async function queueOptIns(
  tx: Database,
  kind: 'confirmation' | 'reminder',
  orders: readonly OptInOrder[],
  now: Temporal.Instant,
): Promise<ReadonlySet<number>> {
  if (orders.length === 0) return new Set()
  const earlier = await readOptIns(tx, orders)
  const rows = orders.flatMap(({ subscriberId, subscriptionIds }) => {
    const dueAt = findFirstAllowed(earlier.get(subscriberId) ?? [], now)
    if (dueAt === null) return []
    return [{ subscriberId, payload: { subscriptionIds }, nonce: makeNonce(), dueAt: dueAt.toString() }]
  })
  if (rows.length === 0) return new Set()
  await tx.execute(sql`
    insert into notice (kind, subscriber_id, payload, nonce, due_at, created_at)
    select ${kind}, "subscriberId", payload, decode(nonce, 'hex'), "dueAt", ${now.toString()}::timestamptz
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as w ("subscriberId" bigint, payload jsonb, nonce text, "dueAt" timestamptz)
    order by "subscriberId"`)
  await tx.execute(sql`
    insert into opt_in (email_hash, at)
    select p.email_hash, w."dueAt"
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as w ("subscriberId" bigint, "dueAt" timestamptz)
    join subscriber p on p.id = w."subscriberId"
    order by p.id`)
  return new Set(rows.map((row) => row.subscriberId))
}

/** After the clock was set back: a mail that the wrong clock counted holds up the next one no longer than one of now would. */
export async function shortenOptInWaits(tx: Database, now: Temporal.Instant): Promise<void> {
  const latest = now.add({ hours: LONGEST_WAIT_HOURS }).toString()
  await tx.execute(sql`update opt_in set at = ${now.toString()} where at > ${latest}`)
}

/** Forgets the opt-in mails of readers who have just confirmed: their limits begin anew. */
export async function forgetOptIns(tx: Database, subscriberIds: readonly number[]): Promise<void> {
  if (subscriberIds.length === 0) return
  await tx.execute(sql`
    delete from opt_in o using subscriber p
    where p.id = any(${`{${subscriberIds.join(',')}}`}::bigint[]) and o.email_hash = p.email_hash`)
}

async function readOptIns(
  tx: Database,
  orders: readonly OptInOrder[],
): Promise<ReadonlyMap<number, readonly Temporal.Instant[]>> {
  const found = await tx.execute<{ subscriber_id: number; at: string }>(sql`
    select p.id as subscriber_id, o.at from subscriber p join opt_in o on o.email_hash = p.email_hash
    where p.id = any(${`{${orders.map((order) => order.subscriberId).join(',')}}`}::bigint[])`)
  const groups = Map.groupBy(found.rows, (row) => row.subscriber_id)
  return new Map([...groups].map(([id, rows]) => [id, rows.map((row) => Temporal.Instant.from(row.at))]))
}

const makeNonce = () => randomBytes(NONCE_OCTETS).toString('hex')
