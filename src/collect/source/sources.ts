import { and, asc, eq, gt, isNull, lte, or, type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { source } from '../../db/schema/source.ts'
import { nextInterval } from './pace.ts'

/** A source as it is collected. `waiting`: a newsletter it was added to has not been given what it holds. */
export type FeedSource = typeof source.$inferSelect & { readonly feedUrl: string; readonly waiting: boolean }

const MOST_SOURCES = 100_000
const MINUTES_BETWEEN = 15
const MINUTES_BEFORE_SLOT = 10
const LONGEST_WAIT_MINUTES = 24 * 60

/** Sources nobody takes any more stay as rows, since their articles stay; they are not collected. */
const isTaken = sql`exists (
  select from newsletter_source join newsletter on newsletter.id = newsletter_source.newsletter_id
  where newsletter_source.source_id = ${source.id} and newsletter.state <> 'deleted')`
const isWaiting = sql<boolean>`exists (
  select from newsletter_source where newsletter_source.source_id = ${source.id} and newsletter_source.admitted_at is null)`

/** The feeds to fetch: those of these ids, ended ones too, or with null all that are active. By id. */
export function findSources(db: Database, ids: readonly number[] | null): Promise<FeedSource[]> {
  if (ids === null) return findFeeds(db, eq(source.state, 'active'))
  return findFeeds(db, sql`${source.id} = any(${`{${ids.join(',')}}`}::bigint[])`)
}

/**
 * The ids of the feeds whose time has come, and of those a newsletter takes from whose slot is near: they are fetched once in
 * the ten minutes before it. One that fails keeps to its own times. A time further off than any wait is a wrong clock's.
 */
export async function findDueSources(db: Database, now: Temporal.Instant): Promise<number[]> {
  const due = or(
    isNull(source.nextFetchAt),
    lte(source.nextFetchAt, now),
    gt(source.nextFetchAt, now.add({ minutes: LONGEST_WAIT_MINUTES })),
    and(eq(source.failures, 0), hasSlotNear(now)),
  )
  const rows = await findFeeds(db, and(eq(source.state, 'active'), due))
  return rows.map(({ id }) => id)
}

/** Cohorts without readers are not planned, but for the home. */
const hasSlotNear = (now: Temporal.Instant) => sql`exists (
  select from newsletter_source
  join newsletter on newsletter.id = newsletter_source.newsletter_id and newsletter.state = 'active'
  join cohort on cohort.newsletter_id = newsletter.id
  where newsletter_source.source_id = ${source.id}
    and (cohort.home or exists (select from subscription where subscription.cohort_id = cohort.id))
    and cohort.next_due_at <= ${now.add({ minutes: MINUTES_BEFORE_SLOT }).toString()}
    and ${source.lastFetchedAt} < cohort.next_due_at - ${`${MINUTES_BEFORE_SLOT} minutes`}::interval)`

async function findFeeds(db: Database, which: SQL | undefined): Promise<FeedSource[]> {
  const rows = await db
    .select({ source, waiting: isWaiting })
    .from(source)
    .where(and(eq(source.kind, 'feed'), isTaken, which))
    .orderBy(asc(source.id))
    .limit(MOST_SOURCES)
  return rows.map(({ source: row, waiting }) => ({ ...row, feedUrl: row.feedUrl ?? row.url, waiting }))
}

/** What a document told about its source, kept for the next fetch. */
type Reading = {
  readonly feedUrl: string
  readonly title: string | null
  readonly homeUrl: string | null
  readonly language: string | null
  readonly etag: string | null
  readonly lastModified: string | null
  readonly bodyHash: string
}

/** New articles of a fetch, held ones too, and the least time until the next that feed or server ask for. */
type Brought = { readonly articles: number; readonly leastMinutes: number }

/** Of so many fetches the number of new articles is kept. */
const FETCHES_KEPT = 20

/** The source, unless it was given another URL while it was being fetched: what was fetched is then no news of it. */
const asFetched = ({ id, feedUrl }: FeedSource) => and(eq(source.id, id), eq(source.feedUrl, feedUrl))

/** Keeps a fetch that brought a document. */
export async function recordReading(
  db: Database,
  row: FeedSource,
  reading: Reading,
  brought: Brought,
  now: Temporal.Instant,
): Promise<void> {
  await db
    .update(source)
    .set({ ...reading, ...succeeded(row, brought, now), fetches: sql`${source.fetches} + 1` })
    .where(asFetched(row))
}

/** Keeps a fetch that brought nothing new. */
export async function recordUnchanged(
  db: Database,
  row: FeedSource,
  { feedUrl, leastMinutes }: { readonly feedUrl: string; readonly leastMinutes: number },
  now: Temporal.Instant,
): Promise<void> {
  await db
    .update(source)
    .set({ feedUrl, ...succeeded(row, { articles: 0, leastMinutes }, now) })
    .where(asFetched(row))
}

/** The first document says nothing about how often there is a new one, nor does one in vain before its time. */
function succeeded(row: FeedSource, { articles, leastMinutes }: Brought, now: Temporal.Instant) {
  const isFirst = row.recentNew.length === 0
  const isEarly = row.nextFetchAt !== null && now.epochMilliseconds < row.nextFetchAt.epochMilliseconds
  const wanted =
    isFirst || (isEarly && articles === 0) ? row.intervalMinutes : nextInterval(row.intervalMinutes, articles)
  const minutes = Math.min(Math.max(wanted, Math.ceil(leastMinutes)), LONGEST_WAIT_MINUTES)
  return {
    ...{ state: 'active' as const, failures: 0, lastError: null, lastFetchedAt: now },
    nextFetchAt: now.add({ minutes }),
    intervalMinutes: minutes,
    recentNew: [...row.recentNew, articles].slice(-FETCHES_KEPT),
  }
}

/** How a fetch failed; `retryAt` is the earliest time the server wants to be asked again. */
type Failure = { readonly reason: string; readonly gone: boolean; readonly retryAt: Temporal.Instant | null }

/** Keeps a failure: the wait doubles with each in a row, up to a day; a source that is gone is not asked again. */
export async function recordFailure(
  db: Database,
  row: FeedSource,
  failure: Failure,
  now: Temporal.Instant,
): Promise<void> {
  await db
    .update(source)
    .set({
      state: failure.gone ? 'ended' : row.state,
      lastFetchedAt: now,
      nextFetchAt: nextTry(row.failures + 1, failure.retryAt, now),
      failures: sql`${source.failures} + 1`,
      lastError: failure.reason,
    })
    .where(asFetched(row))
}

/** The time of the next try after so many failures in a row. */
function nextTry(failures: number, retryAt: Temporal.Instant | null, now: Temporal.Instant): Temporal.Instant {
  const minutes = Math.min(MINUTES_BETWEEN * 2 ** Math.min(failures - 1, 10), LONGEST_WAIT_MINUTES)
  const latest = now.add({ minutes: LONGEST_WAIT_MINUTES })
  const planned = now.add({ minutes })
  if (retryAt === null || retryAt.epochMilliseconds <= planned.epochMilliseconds) return planned
  return retryAt.epochMilliseconds < latest.epochMilliseconds ? retryAt : latest
}
