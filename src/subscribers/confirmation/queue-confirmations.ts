import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import type { Schedule } from '../../newsletters/schedule/slots.ts'
import { isSameSchedule } from '../preferences/preferences.ts'
import { type OptInOrder, queueOptIns, type RequestedPreference, type RequestedPreferences } from './opt-in-queue.ts'

/**
 * A subscription whose reader is to be asked for confirmation, and what that confirms of it: what a form said, or (null) what
 * stands. An administrator's wish is urgent: no limit puts it off.
 */
type ConfirmationWish = {
  readonly subscriberId: number
  readonly subscriptionId: number
  readonly preferences: { readonly schedule: Schedule; readonly topicIds: readonly number[] } | null
  readonly isUrgent: boolean
}

type Open = {
  readonly id: number
  readonly ids: readonly number[]
  readonly choices: RequestedPreferences
  readonly queued: boolean
}
/** What one reader is to be asked, and the mail of theirs that still waits. */
type Asking = {
  readonly subscriberId: number
  readonly wishes: readonly ConfirmationWish[]
  readonly waiting: Open | null
}

/**
 * Queues one confirmation mail a reader, that names all their subscriptions of `wishes`. One that still waits is told of
 * them instead of a second, but never of other choices: who wants something else of a subscription than it says gets a mail
 * of their own. Returns the subscriptions asked about anew: none of a reader whose opt-in mails are spent. The subscribers
 * must be locked.
 */
export async function queueConfirmations(
  tx: Database,
  wishes: readonly ConfirmationWish[],
  now: Temporal.Instant,
): Promise<ReadonlySet<number>> {
  const open = await findOpen(tx, wishes)
  const anew = wishes.filter((wish) => !(open.get(wish.subscriberId) ?? []).some((notice) => asksForSame(notice, wish)))
  const askings = [...Map.groupBy(anew, (wish) => wish.subscriberId)].map(([subscriberId, of]): Asking => {
    return { subscriberId, wishes: of, waiting: open.get(subscriberId)?.find((notice) => notice.queued) ?? null }
  })
  const told = await tellWaiting(
    tx,
    askings.filter((asking) => unnamedOf(asking).length === asking.wishes.length),
    now,
  )
  const untold = askings.filter(({ subscriberId }) => !told.has(subscriberId))
  const queued = await queueOptIns(tx, 'confirmation', untold.map(orderOf), now)
  // No mail of its own is allowed yet: the one that waits names at least what it did not.
  const refused = untold.filter(({ subscriberId }) => !queued.has(subscriberId))
  const appended = await tellWaiting(
    tx,
    refused.map((asking) => ({ ...asking, wishes: unnamedOf(asking) })),
    now,
  )
  const isTaken = ({ subscriberId }: Asking) => told.has(subscriberId) || queued.has(subscriberId)
  const taken = askings.flatMap((asking) => {
    if (isTaken(asking)) return asking.wishes
    return appended.has(asking.subscriberId) ? unnamedOf(asking) : []
  })
  return new Set(taken.map((wish) => wish.subscriptionId))
}

function unnamedOf({ wishes, waiting }: Asking): readonly ConfirmationWish[] {
  return waiting === null ? [] : wishes.filter((wish) => !waiting.ids.includes(wish.subscriptionId))
}

function orderOf({ subscriberId, wishes }: Asking): OptInOrder {
  return { subscriberId, ...namedBy(wishes), isUrgent: wishes.some((wish) => wish.isUrgent) }
}

function namedBy(wishes: readonly ConfirmationWish[]): Pick<OptInOrder, 'subscriptionIds' | 'choices'> {
  const choices = wishes.flatMap(({ subscriptionId, preferences }) =>
    preferences === null
      ? []
      : [[subscriptionId, { ...preferences.schedule, topicIds: preferences.topicIds }] as const],
  )
  return { subscriptionIds: wishes.map((wish) => wish.subscriptionId), choices: Object.fromEntries(choices) }
}

/** Whether a mail asks for just this already. */
function asksForSame({ ids, choices }: Open, { subscriptionId, preferences }: ConfirmationWish): boolean {
  const said = choices[subscriptionId]
  if (!ids.includes(subscriptionId)) return false
  if (preferences === null || said === undefined) return preferences === null && said === undefined
  return isSameSchedule(preferences.schedule, said) && preferences.topicIds.join() === said.topicIds.join()
}

async function findOpen(tx: Database, wishes: readonly ConfirmationWish[]): Promise<ReadonlyMap<number, Open[]>> {
  type Row = { id: number; subscriber_id: number; ids: number[]; choices: RequestedPreferences | null; state: string }
  const asked = wishes.map(({ subscriberId }) => ({ subscriberId }))
  // Each reader's are looked up (`offset 0`): where statistics are old, as during a large import, all notices that wait would
  // be read for each reader, which takes 4 ms a reader with 40,000 of them.
  const found = await tx.execute<Row>(sql`
    select n.id, n.subscriber_id, n.payload -> 'preferences' as choices, n.state,
      array(select named.id::bigint from jsonb_array_elements(n.payload -> 'subscriptionIds') as named (id)
        where not coalesce(n.payload -> 'ended', '[]'::jsonb) @> named.id) as ids
    from (select distinct "subscriberId" from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb)
      as w ("subscriberId" bigint)) w
    cross join lateral (select * from notice where subscriber_id = w."subscriberId" offset 0) n
    where n.kind = 'confirmation' and n.state in ('queued', 'sending')
    order by n.id`)
  const groups = Map.groupBy(found.rows, (row) => row.subscriber_id)
  const openOf = (row: Row): Open => ({
    id: row.id,
    ids: row.ids.map(Number),
    choices: row.choices ?? {},
    queued: row.state === 'queued',
  })
  return new Map([...groups].map(([subscriberId, rows]) => [subscriberId, rows.map(openOf)]))
}

/**
 * Returns whose notices still waited. One that a worker has just taken does not name the new subscriptions, nor does one that
 * may have arrived: its repetition would have the same Message-ID.
 */
async function tellWaiting(
  tx: Database,
  askings: readonly Asking[],
  now: Temporal.Instant,
): Promise<ReadonlySet<number>> {
  const orders = askings.flatMap((asking) => {
    const { waiting, wishes } = asking
    if (waiting === null || wishes.length === 0) return []
    const { subscriptionIds, choices } = namedBy(wishes)
    const payload = {
      subscriptionIds: [...waiting.ids, ...subscriptionIds],
      choices: { ...preferencesOf(waiting), ...choices },
    }
    return [{ noticeId: waiting.id, payload, isUrgent: wishes.some((wish) => wish.isUrgent) }]
  })
  const told = await tx.execute<{ subscriber_id: number }>(sql`
    update notice n set payload = w.payload,
      due_at = case when w."isUrgent" then least(n.due_at, ${now.toString()}::timestamptz) else n.due_at end
    from jsonb_to_recordset(${JSON.stringify(orders)}::jsonb) as w ("noticeId" bigint, payload jsonb, "isUrgent" boolean)
    where n.id = w."noticeId" and n.state = 'queued' and not n.ambiguous
    returning n.subscriber_id`)
  return new Set(told.rows.map((row) => row.subscriber_id))
}

/** Without what the mail names no longer. */
function preferencesOf({ ids, choices }: Open): RequestedPreferences {
  return Object.fromEntries(
    ids.flatMap((id): [string, RequestedPreference][] =>
      choices[id] === undefined ? [] : [[String(id), choices[id]]],
    ),
  )
}
