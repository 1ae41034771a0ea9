import { type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import type { Frequency } from '../db/schema/newsletter.ts'
import { CourantError } from '../errors.ts'
import { addressKey } from '../mail/addresses/address.ts'
import type { Schedule } from '../newsletters/schedule/slots.ts'
import type { SubscriptionState } from './permission.ts'

/** A subscription as it stands, or as it is to be. Topic ids ascend. */
export type DesiredState = {
  readonly state: SubscriptionState
  readonly schedule: Schedule
  readonly topicIds: readonly number[]
}

/** Whose subscription to what. */
type Pair = { readonly newsletterId: number; readonly subscriberId: number }

/** A subscription as read. */
export type ExistingSubscription = DesiredState &
  Pair & {
    readonly id: number
    readonly cohortId: number
    /** It is pending, and no mail has asked its reader to confirm it. */
    readonly neverAsked: boolean
  }

/** A subscription to be made. `seenEntryId` is its own watermark, null for its cohort's. */
type Entering = Pair & {
  readonly state: SubscriptionState
  readonly cohortId: number
  readonly topicIds: readonly number[]
  readonly seenEntryId: number | null
  readonly confirmedAt: Temporal.Instant | null
}

/** A change of a subscription that was read as `wasState` in `wasCohortId`. */
type Changing = {
  readonly id: number
  readonly wasState: SubscriptionState
  readonly wasCohortId: number
  readonly state: SubscriptionState
  readonly cohortId: number
  readonly topicIds: readonly number[]
  /** Where one that becomes active starts; null for its cohort's watermark. */
  readonly startEntryId: number | null
  readonly confirmedAt: Temporal.Instant | null
}

/** The subscriptions of these pairs, found by `pairKey`. */
export async function readSubscriptions(
  tx: Database,
  pairs: readonly Pair[],
): Promise<ReadonlyMap<string, ExistingSubscription>> {
  const kept = await readKept(
    tx,
    sql`jsonb_to_recordset(${JSON.stringify(pairs)}::jsonb) as w ("newsletterId" bigint, "subscriberId" bigint)
      join subscription s on s.newsletter_id = w."newsletterId" and s.subscriber_id = w."subscriberId"`,
  )
  return new Map(kept.map((subscription) => [pairKey(subscription), subscription]))
}

/** The subscriptions of these ids, in the order of ids. */
export async function readByIds(tx: Database, ids: readonly number[]): Promise<readonly ExistingSubscription[]> {
  return readKept(tx, sql`unnest(${`{${ids.join(',')}}`}::bigint[]) as w (id) join subscription s on s.id = w.id`)
}

/** All subscriptions of a reader, in the order of ids. */
export async function readOf(tx: Database, subscriberId: number): Promise<readonly ExistingSubscription[]> {
  return readKept(tx, sql`(select ${subscriberId}::bigint as id) w join subscription s on s.subscriber_id = w.id`)
}

/** The subscriptions `s` of a `from` clause. */
async function readKept(tx: Database, from: SQL): Promise<readonly ExistingSubscription[]> {
  type Row = {
    id: number
    newsletter_id: number
    subscriber_id: number
    state: SubscriptionState
    cohort_id: number
    topics: number[]
    frequency: Frequency
    weekday: number | null
    hour: number | null
    zone: string
    never_asked: boolean
  }
  const found = await tx.execute<Row>(sql`
    select s.id, s.newsletter_id, s.subscriber_id, s.state, s.cohort_id, s.topics, c.frequency, c.weekday, c.hour, c.zone,
      s.state = 'pending' and not exists (select from notice n where n.subscriber_id = s.subscriber_id
        and n.kind in ('confirmation', 'reminder') and n.payload -> 'subscriptionIds' @> to_jsonb(s.id)) as never_asked
    from ${from}
    join cohort c on c.id = s.cohort_id
    order by s.id`)
  return found.rows.map((row) => ({
    id: row.id,
    newsletterId: row.newsletter_id,
    subscriberId: row.subscriber_id,
    state: row.state,
    cohortId: row.cohort_id,
    topicIds: row.topics,
    neverAsked: row.never_asked,
    schedule: { frequency: row.frequency, weekday: row.weekday, hour: row.hour, zone: row.zone },
  }))
}

export const pairKey = ({ newsletterId, subscriberId }: Pair) => `${newsletterId} ${subscriberId}`

/** Holds the cohorts of all a reader's subscriptions in id order: until the transaction ends, none of them is planned. */
export async function lockCohortsOf(tx: Database, subscriberId: number): Promise<void> {
  await tx.execute(sql`
    select id from cohort where id in (select cohort_id from subscription where subscriber_id = ${subscriberId})
    order by id for share`)
}

/** Makes subscriptions and returns their ids by `pairKey`. */
export async function enterSubscriptions(
  tx: Database,
  entering: readonly Entering[],
  now: Temporal.Instant,
): Promise<ReadonlyMap<string, number>> {
  const made = await tx.execute<{ id: number; newsletter_id: number; subscriber_id: number }>(sql`
    insert into subscription
      (newsletter_id, subscriber_id, state, cohort_id, topics, seen_entry_id, confirmed_at, created_at)
    select "newsletterId", "subscriberId", state, "cohortId", "topicIds", "seenEntryId", "confirmedAt",
      ${now.toString()}::timestamptz
    from jsonb_to_recordset(${JSON.stringify(entering)}::jsonb) as w ("newsletterId" bigint, "subscriberId" bigint,
      state text, "cohortId" bigint, "topicIds" integer[], "seenEntryId" bigint, "confirmedAt" timestamptz)
    order by "subscriberId"
    returning id, newsletter_id, subscriber_id`)
  const key = (row: { newsletter_id: number; subscriber_id: number }) =>
    pairKey({ newsletterId: row.newsletter_id, subscriberId: row.subscriber_id })
  return new Map(made.rows.map((row) => [key(row), row.id]))
}

/**
 * Changes subscriptions whose cohorts are locked, and says how many: fewer than given when one is no longer as it was
 * read. Watermarks (DESIGN I1): who becomes active starts there, but never before what they were already planned for;
 * who only moves, and who left and asks anew, takes along what holds now.
 */
export async function changeSubscriptions(tx: Database, changing: readonly Changing[]): Promise<number> {
  const reached = sql`coalesce(s.seen_entry_id, case when s.confirmed_at is not null then was.seen_entry_id end)`
  const changed = await tx.execute<{ id: number }>(sql`
    update subscription s
    set state = w.state, cohort_id = w."cohortId", topics = w."topicIds",
      confirmed_at = coalesce(w."confirmedAt", s.confirmed_at),
      unsubscribed_at = case when w.state in ('unsubscribed', 'pending') then s.unsubscribed_at end,
      seen_entry_id = case
        when w.state = 'active' and w."wasState" = 'active' then nullif(${reached}, new.seen_entry_id)
        when w.state = 'active' then
          nullif(greatest(${reached}, coalesce(w."startEntryId", new.seen_entry_id)), new.seen_entry_id)
        else ${reached} end
    from jsonb_to_recordset(${JSON.stringify(changing)}::jsonb) as w (id bigint, "wasState" text, "wasCohortId" bigint,
      state text, "cohortId" bigint, "topicIds" integer[], "startEntryId" bigint, "confirmedAt" timestamptz)
    join cohort was on was.id = w."wasCohortId"
    join cohort new on new.id = w."cohortId"
    where s.id = w.id and s.state = w."wasState" and s.cohort_id = w."wasCohortId"
    returning s.id`)
  return changed.rows.length
}

/** The id of a reader's active subscription to a newsletter. @throws CourantError `subscriber.inactive`. */
export async function findActiveSubscription(db: Database, newsletterId: number, email: string): Promise<number> {
  const rows = await db.execute<{ id: number; state: SubscriptionState }>(sql`
    select s.id, s.state from subscription s join subscriber p on p.id = s.subscriber_id
    where s.newsletter_id = ${newsletterId} and p.email_key = ${addressKey(email)} limit 1`)
  const found = rows.rows[0]
  if (found?.state === 'active') return found.id
  throw new CourantError('subscriber.inactive', {
    what:
      found === undefined
        ? 'This address does not subscribe to the newsletter.'
        : `The subscription of this address is ${found.state}.`,
    why: 'A digest goes to active subscriptions only.',
    todo: 'Look at it with "courant subscriber show".',
  })
}
