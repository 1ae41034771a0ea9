import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { whyNotMail } from '../../subscribers/permission.ts'
import type { PlanRequest } from '../plan-request.ts'
import { possiblySent } from './possibly-sent.ts'

/** Whole cohorts planned in one transaction. */
export type Slice = {
  readonly cohortIds: readonly number[]
  /** The home cohort is among them. */
  readonly home: boolean
}

/** The lowest and the highest subscriber of a slice. */
export type SubscriberRange = { readonly first: number; readonly last: number }

/** A slice has about as many readers as a cohort may have; one transaction of this size takes a second. */
const READERS_A_SLICE = 100_000

/** The order's cohorts in id order, in slices of about 100,000 readers. */
export async function readSlices(db: Database, order: PlanRequest): Promise<readonly Slice[]> {
  const chosen =
    order.onlySubscriptionId !== null
      ? sql`id = (select cohort_id from subscription where id = ${order.onlySubscriptionId})`
      : order.cohortIds === null
        ? sql`true`
        : sql`id = any(${`{${order.cohortIds.join(',')}}`}::bigint[])`
  const rows = await db.execute<{ id: number; members: number; home: boolean }>(sql`
    select id, members, home from cohort where newsletter_id = ${order.newsletterId} and ${chosen} order by id`)
  const slices: { cohortIds: number[]; home: boolean; members: number }[] = []
  for (const cohort of rows.rows) {
    const last = slices.at(-1)
    if (last === undefined || last.members + cohort.members > READERS_A_SLICE)
      slices.push({ cohortIds: [cohort.id], home: cohort.home, members: cohort.members })
    else {
      last.cohortIds.push(cohort.id)
      last.home ||= cohort.home
      last.members += cohort.members
    }
  }
  return slices
}

/**
 * Between which subscribers a slice's readers stand. Who came together stands together, so that a slice reads its own part
 * of the tables by subscriber and not all of them: at a million readers 0.2 s instead of 0.9 (`npm run bench -- plan`).
 */
export async function readSubscriberRange(tx: Database, order: PlanRequest, slice: Slice): Promise<SubscriberRange> {
  // `offset 0`, or the planner looks for both ends along the index over all subscribers.
  const rows = await tx.execute<SubscriberRange>(sql`
    select coalesce(min(subscriber_id), 0) as first, coalesce(max(subscriber_id), -1) as last
    from (
      select s.subscriber_id from subscription s where s.cohort_id = ${cohortsOf(slice)} and ${chosenBy(order)} offset 0
    ) of_slice`)
  return rows.rows[0] ?? { first: 0, last: -1 }
}

/**
 * Puts the readers to plan into the temporary table `planned_reader`: the slice's subscriptions that may be
 * mailed and are without a delivery in this edition, and without one that may have arrived, each with its watermark `seen`
 * (`own`: not the cohort's) and, where an earlier delivery is still unsent, with what that one started from (`since`).
 * These deliveries come into `planned_open`, with those of some readers who are not planned.
 */
export async function readAudience(
  tx: Database,
  order: PlanRequest,
  slice: Slice,
  { first, last }: SubscriberRange,
  editionId: number | null,
): Promise<void> {
  await readOpen(tx, order.newsletterId, { first, last }, editionId)
  const suppressed = sql`exists (select from suppression x where x.email_hash = p.email_hash)`
  // In a `case` the planner takes it for true of half of all rows, and not of one in 200: it joins by hash what follows.
  const refusal = whyNotMail('digest', sql`s.state`, suppressed)
  await tx.execute(sql`
    create temporary table planned_reader on commit drop as
    select s.id as subscription_id, s.subscriber_id, s.topics, p.locale, p.format,
      coalesce(s.seen_entry_id, c.seen_entry_id) as seen, s.seen_entry_id is not null as own,
      least(coalesce(s.seen_entry_id, c.seen_entry_id), o.start_entry_id) as since
    from subscription s
    join cohort c on c.id = s.cohort_id
    join subscriber p on p.id = s.subscriber_id and p.id between ${first} and ${last}
    left join planned_open o on o.subscription_id = s.id and o.edition_id is distinct from ${editionId}::bigint
    where s.cohort_id = ${cohortsOf(slice)} and ${chosenBy(order)} and case when ${refusal} is null then true end
      and not exists (
        select from delivery d
        where d.edition_id = ${editionId ?? -1} and d.subscriber_id = s.subscriber_id
          and d.subscriber_id between ${first} and ${last}
      )
      and s.id not in (${possiblySent})`)
  await tx.execute(sql`analyze planned_reader`)
}

/** The unsent deliveries of open editions; of the edition that is added to, whose readers stay, only those in doubt. */
async function readOpen(
  tx: Database,
  newsletterId: number,
  { first, last }: SubscriberRange,
  editionId: number | null,
): Promise<void> {
  const open = await tx.execute<{ id: number }>(sql`
    select id from edition
    where newsletter_id = ${newsletterId} and state in ('planning', 'sending', 'paused', 'held') order by id`)
  await tx.execute(sql`
    create temporary table planned_open on commit drop as
    select d.edition_id, d.seq, d.subscription_id, d.subscriber_id, d.start_entry_id, d.state, d.attempts,
      d.first_tried_at, d.retry_at, d.ambiguous and e.state in ('planning', 'sending') as in_doubt
    from delivery d join edition e on e.id = d.edition_id
    where d.edition_id = any(${`{${open.rows.map((row) => row.id).join(',')}}`}::bigint[])
      and d.subscriber_id between ${first} and ${last} and d.state in ('queued', 'deferred')
      and (d.edition_id is distinct from ${editionId}::bigint or d.ambiguous)`)
  await tx.execute(sql`analyze planned_open`)
}

const cohortsOf = ({ cohortIds }: Slice) => sql`any(${`{${cohortIds.join(',')}}`}::bigint[])`

const chosenBy = ({ onlySubscriptionId }: PlanRequest) =>
  onlySubscriptionId === null ? sql`true` : sql`s.id = ${onlySubscriptionId}`
