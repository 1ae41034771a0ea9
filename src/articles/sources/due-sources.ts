import { and, asc, eq, type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { source } from '../../db/schema/source.ts'
import { anyOf } from '../../db/sql.ts'

/** A source that may be fetched next. `failing`: its last fetch failed. `lastFetchedAt` as the database writes it. */
export type SourceRef = {
  readonly id: number
  readonly host: string
  readonly failing: boolean
  readonly lastFetchedAt: string | null
}

/** A source as it is collected. `waiting`: a newsletter it was added to has not been given what it holds. */
export type FeedSource = typeof source.$inferSelect & { readonly feedUrl: string; readonly waiting: boolean }

const MOST_SOURCES = 100_000
/** Sources beyond these are found again when these have been fetched. */
const MOST_DUE = 10_000
const MINUTES_BEFORE_SLOT = 10
/** No source waits longer for its next fetch. */
export const LONGEST_WAIT_MINUTES = 24 * 60

/** Sources nobody takes any more stay as rows, since their articles stay; they are not collected. */
const isUsed = sql`exists (
  select from newsletter_source join newsletter on newsletter.id = newsletter_source.newsletter_id
  where newsletter_source.source_id = ${source.id} and newsletter.state <> 'deleted')`
const isWaiting = sql<boolean>`exists (
  select from newsletter_source where newsletter_source.source_id = ${source.id} and newsletter_source.admitted_at is null)`

/** The feeds of these ids, ended ones too, or with null all that are active. By id. */
export function findSources(db: Database, ids: readonly number[] | null): Promise<SourceRef[]> {
  const isNamed = ids === null ? eq(source.state, 'active') : sql`${source.id} = ${anyOf(ids)}`
  return db
    .select({
      id: source.id,
      host: sql<string>`${source.host}`,
      failing: sql<boolean>`${source.failures} > 0`,
      lastFetchedAt: sql<string | null>`${source.lastFetchedAt}::text`,
    })
    .from(source)
    .where(and(eq(source.kind, 'feed'), isUsed, isNamed))
    .orderBy(asc(source.id))
    .limit(MOST_SOURCES)
}

/**
 * The feeds whose time has come, and those a newsletter takes from whose slot is near, these first: they are fetched once in
 * the ten minutes before it. Then the longest due. One that fails keeps to its own times. A time further off than any wait
 * is a wrong clock's.
 */
export async function findDueSources(db: Database, now: Temporal.Instant): Promise<SourceRef[]> {
  const beforeSlot = sql`${`${MINUTES_BEFORE_SLOT} minutes`}::interval`
  // Near slots are found once, not per source: a newsletter may have thousands of cohorts. Cohorts without readers are not
  // planned, except the home.
  const due = await db.execute<SourceRef>(sql`
    with near as materialized (
      select cohort.newsletter_id, max(cohort.next_due_at) as slot_at
      from cohort join newsletter on newsletter.id = cohort.newsletter_id and newsletter.state = 'active'
      where cohort.next_due_at <= ${now.add({ minutes: MINUTES_BEFORE_SLOT }).toString()}
        and (cohort.home or exists (select from subscription where subscription.cohort_id = cohort.id))
      group by cohort.newsletter_id
    ), early as materialized (
      select newsletter_source.source_id, max(near.slot_at) - ${beforeSlot} as since
      from near join newsletter_source on newsletter_source.newsletter_id = near.newsletter_id
      group by newsletter_source.source_id
    )
    select source.id, source.host, source.failures > 0 as failing, source.last_fetched_at::text as "lastFetchedAt"
    from source left join early on early.source_id = source.id
      and source.failures = 0 and source.last_fetched_at < early.since
    where source.kind = 'feed' and source.state = 'active'
      and (source.next_fetch_at is null or source.next_fetch_at <= ${now.toString()}
        or source.next_fetch_at > ${now.add({ minutes: LONGEST_WAIT_MINUTES }).toString()}
        or early.source_id is not null)
      and ${isUsed}
    order by early.source_id is null, source.next_fetch_at nulls first, source.id limit ${MOST_DUE}`)
  return due.rows
}

/** Whether a source has not been fetched since it was found; every recorded fetch sets the time. */
export const isUntouched = ({ lastFetchedAt }: SourceRef) =>
  sql`${source.lastFetchedAt} is not distinct from ${lastFetchedAt}::timestamptz`

/** The source as it is now; null when it does not meet the condition or has moved to another host. */
export async function readSource(db: Database, { id, host }: SourceRef, condition: SQL): Promise<FeedSource | null> {
  const [found] = await db
    .select({ source, waiting: isWaiting })
    .from(source)
    .where(and(eq(source.id, id), eq(source.host, host), condition))
  if (found === undefined) return null
  return { ...found.source, feedUrl: found.source.feedUrl ?? found.source.url, waiting: found.waiting }
}
