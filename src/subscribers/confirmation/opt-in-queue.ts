import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { anyOf } from '../../db/sql.ts'
import type { Schedule } from '../../newsletters/schedule/slots.ts'
import { findFirstAllowed, LONGEST_WAIT_HOURS } from './opt-in-limits.ts'

/** What the link of an opt-in mail confirms of one subscription: the choice and topics of its request. */
export type RequestedPreference = Schedule & { readonly topicIds: readonly number[] }
/** By the id of a subscription; one that is not there is confirmed as it stands. */
export type RequestedPreferences = Readonly<Record<string, RequestedPreference>>

/** An opt-in mail wanted: whom, for which of their subscriptions, and what it confirms of them. */
export type OptInOrder = {
  readonly subscriberId: number
  readonly subscriptionIds: readonly number[]
  readonly choices: RequestedPreferences
  /** An administrator asks: it goes now, whatever a stranger's forms have spent. */
  readonly isUrgent?: boolean
}

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
  const earlier = await readOptIns(tx, orders)
  const rows = orders.flatMap(({ subscriberId, subscriptionIds, choices, isUrgent = false }) => {
    const dueAt = isUrgent ? now : findFirstAllowed(earlier.get(subscriberId) ?? [], now)
    if (dueAt === null) return []
    return [
      { subscriberId, payload: { subscriptionIds, preferences: choices }, nonce: makeNonce(), dueAt: dueAt.toString() },
    ]
  })
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

/**
 * Ends the requests of these subscriptions: no link of a mail that was queued until now confirms them any more, whatever is asked
 * for later. For who confirms, declines or unsubscribes.
 */
export async function endRequests(tx: Database, subscriptionIds: readonly number[]): Promise<void> {
  if (subscriptionIds.length === 0) return
  await tx.execute(sql`
    update notice n
    set payload = n.payload || jsonb_build_object('ended', coalesce(n.payload -> 'ended', '[]'::jsonb) || w.ids)
    from (select s.subscriber_id, jsonb_agg(s.id order by s.id) as ids from subscription s
      where s.id = ${anyOf(subscriptionIds)} group by s.subscriber_id) w
    where n.subscriber_id = w.subscriber_id and n.kind in ('confirmation', 'reminder')
      and exists (select from jsonb_array_elements(n.payload -> 'subscriptionIds') as named (id)
        where w.ids @> named.id and not coalesce(n.payload -> 'ended', '[]'::jsonb) @> named.id)`)
}

/** Forgets the opt-in mails of readers who have just confirmed: their limits begin anew. */
export async function forgetOptIns(tx: Database, subscriberIds: readonly number[]): Promise<void> {
  await tx.execute(sql`
    delete from opt_in o using subscriber p
    where p.id = ${anyOf(subscriberIds)} and o.email_hash = p.email_hash`)
}

async function readOptIns(
  tx: Database,
  orders: readonly OptInOrder[],
): Promise<ReadonlyMap<number, readonly Temporal.Instant[]>> {
  const found = await tx.execute<{ subscriber_id: number; at: string }>(sql`
    select p.id as subscriber_id, o.at from subscriber p join opt_in o on o.email_hash = p.email_hash
    where p.id = ${anyOf(orders.map((order) => order.subscriberId))}`)
  const groups = Map.groupBy(found.rows, (row) => row.subscriber_id)
  return new Map([...groups].map(([id, rows]) => [id, rows.map((row) => Temporal.Instant.from(row.at))]))
}

const makeNonce = () => randomBytes(NONCE_OCTETS).toString('hex')
