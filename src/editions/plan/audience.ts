import { sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Database } from '../../db/client.ts'
import { anyOf, effectiveWatermark, givenBackWatermark, openStates } from '../../db/sql.ts'
import {
  analyzePlanningTable,
  createPlanningTable,
  plannedReader,
  plannedUnsent,
} from '../../digest/planning-tables.ts'
import { whyNotMail } from '../../subscribers/permission.ts'
import type { PlanRequest } from '../plan-request.ts'

/** Whole cohorts that are planned in one transaction. */
export type Slice = {
  readonly cohortIds: readonly number[]
  /** Whether the home cohort is among them. */
  readonly home: boolean
}

/** The lowest and the highest subscriber id of a slice. */
export type SubscriberRange = { readonly first: number; readonly last: number }

/** As many as a cohort may have; a transaction of this size takes a second. */
const READERS_PER_SLICE = 100_000

/** Divides the requested cohorts, in id order, into slices of about 100,000 readers. */
export async function readSlices(db: Database, request: PlanRequest): Promise<readonly Slice[]> {
  const requested =
    request.onlySubscriptionId !== null
      ? sql`id = (select cohort_id from subscription where id = ${request.onlySubscriptionId})`
      : request.cohortIds === null
        ? sql`true`
        : sql`id = ${anyOf(request.cohortIds)}`
  const rows = await db.execute<{ id: number; members: number; home: boolean }>(sql`
    select id, members, home from cohort where newsletter_id = ${request.newsletterId} and ${requested} order by id`)
  const slices: { cohortIds: number[]; home: boolean; members: number }[] = []
  for (const cohort of rows.rows) {
    const last = slices.at(-1)
    if (last === undefined || last.members + cohort.members > READERS_PER_SLICE)
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
 * Tunes the query planner for the rest of the transaction. It knows too little of rows inserted a moment ago, and would
 * sort readers by their topics to merge them, or begin at the wrong end of an index. `work_mem` holds the sorts and hashes
 * of 100,000 readers: they need a tenth of it, but are estimated at all of it and would be sorted on disk instead.
 * Statistics from 3,000 rows instead of 30,000 are enough.
 */
export async function setPlannerOptions(tx: Database): Promise<void> {
  await tx.execute(
    sql`select set_config('enable_mergejoin', 'off', true), set_config('work_mem', '128MB', true), set_config('jit', 'off', true),
      set_config('default_statistics_target', '10', true)`,
  )
}

/**
 * Reads the range of subscriber ids that a slice's readers are in. Readers who signed up together have ids close to each
 * other, so that a slice reads its own part of the tables by subscriber instead of all of them: at a million readers 0.2 s
 * instead of 0.9 (`npm run bench -- plan`).
 */
export async function readSubscriberRange(tx: Database, request: PlanRequest, slice: Slice): Promise<SubscriberRange> {
  // Without `offset 0` PostgreSQL searches for both ends along the index over all subscribers.
  const rows = await tx.execute<SubscriberRange>(sql`
    select coalesce(min(subscriber_id), 0) as first, coalesce(max(subscriber_id), -1) as last
    from (
      select s.subscriber_id from subscription s where s.cohort_id = ${anyOf(slice.cohortIds)} and ${isRequested(request)} offset 0
    ) of_slice`)
  return rows.rows[0] ?? { first: 0, last: -1 }
}

/**
 * Puts the readers to plan into `plannedReader`: the slice's subscriptions that may be mailed, have no delivery in this
 * edition and none that was possibly sent. The unsent deliveries of these readers, and of some who are not planned, go
 * into `plannedUnsent`.
 */
export async function readAudience(
  tx: Database,
  request: PlanRequest,
  slice: Slice,
  range: SubscriberRange,
  editionId: number | null,
): Promise<void> {
  await readUnsent(tx, request.newsletterId, range, editionId)
  const { first, last } = range
  const suppressed = sql`exists (select from suppression x where x.email_hash = p.email_hash)`
  // In a `case` PostgreSQL estimates that half of all rows pass, and not one in 200: it hashes the joins that follow.
  const obstacle = whyNotMail('digest', sql`s.state`, suppressed)
  await createPlanningTable(
    tx,
    plannedReader,
    sql`
    select s.id, s.subscriber_id, s.topics, p.locale, p.format, ${effectiveWatermark}, s.seen_entry_id is not null,
      ${givenBackWatermark(sql`${unsent.startEntryId}`)}
    from subscription s
    join cohort c on c.id = s.cohort_id
    join subscriber p on p.id = s.subscriber_id and p.id between ${first} and ${last}
    left join ${plannedUnsent} u on ${unsent.subscriptionId} = s.id and ${unsent.editionId} is distinct from ${editionId}::bigint
    where s.cohort_id = ${anyOf(slice.cohortIds)} and ${isRequested(request)} and case when ${obstacle} is null then true end
      and not exists (
        select from delivery d
        where d.edition_id = ${editionId ?? -1} and d.subscriber_id = s.subscriber_id
          and d.subscriber_id between ${first} and ${last}
      )
      and s.id not in (${possiblySent})`,
  )
  await analyzePlanningTable(tx, plannedReader)
}

const unsent = alias(plannedUnsent, 'u')

/**
 * The ids of subscriptions in `plannedUnsent` with a delivery that was possibly sent: the connection to the relay was lost
 * between content and reply, or a worker died. It is tried again as it is, under its own Message-ID; a newer one in its
 * place would bring the same articles in another message. Its reader is planned again once it has ended. Where the edition
 * is paused or held nothing is tried again, and its readers need not wait for that: the newer delivery takes over.
 */
export const possiblySent = sql`
  select ${unsent.subscriptionId} from ${plannedUnsent} u where ${unsent.possiblySent}`

/** Unsent deliveries of open editions; of the edition that is added to, whose readers keep theirs, only possibly sent ones. */
async function readUnsent(
  tx: Database,
  newsletterId: number,
  { first, last }: SubscriberRange,
  editionId: number | null,
): Promise<void> {
  const open = await tx.execute<{ id: number }>(sql`
    select id from edition where newsletter_id = ${newsletterId} and state in ${openStates} order by id`)
  await createPlanningTable(
    tx,
    plannedUnsent,
    sql`
    select d.edition_id, d.seq, d.subscription_id, d.subscriber_id, d.start_entry_id, d.state, d.attempts,
      d.first_tried_at, d.retry_at, d.ambiguous and e.state in ('planning', 'sending')
    from delivery d join edition e on e.id = d.edition_id
    where d.edition_id = ${anyOf(open.rows.map(({ id }) => id))}
      and d.subscriber_id between ${first} and ${last} and d.state in ('queued', 'deferred')
      and (d.edition_id is distinct from ${editionId}::bigint or d.ambiguous)`,
  )
  await analyzePlanningTable(tx, plannedUnsent)
}

const isRequested = ({ onlySubscriptionId }: PlanRequest) =>
  onlySubscriptionId === null ? sql`true` : sql`s.id = ${onlySubscriptionId}`
