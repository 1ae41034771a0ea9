import { and, eq, sql } from 'drizzle-orm'
import type { PgUpdateSetSource } from 'drizzle-orm/pg-core'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { source } from '../../db/schema/source.ts'
import { type FeedSource, LONGEST_WAIT_MINUTES } from './due-sources.ts'
import { nextInterval } from './fetch-interval.ts'
import { deleteSourceLease, type LeasedSource } from './source-lease.ts'

const MINUTES_BETWEEN = 15

/** A result is no longer wanted: the lease expired and another worker took over, or the source's URL was changed. */
export class LeaseLost extends Error {}

/** What a document told about its source, kept for the next fetch. */
export type FetchedArticles = {
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

/**
 * Writes the result of a fetch and ends its lease, in one statement. It is the last step of a transaction that stores
 * articles: if the result is no longer wanted, nothing of it must stay.
 *
 * @throws LeaseLost
 */
async function recordAttempt(
  db: Database,
  { row, lease }: LeasedSource,
  result: PgUpdateSetSource<typeof source>,
): Promise<void> {
  const ended = db.$with('ended').as(deleteSourceLease(db, lease))
  const isHeld = sql`exists (select from ${ended} where host = ${lease.host})`
  const settled = await db
    .with(ended)
    .update(source)
    .set(result)
    .where(and(eq(source.id, row.id), eq(source.feedUrl, row.feedUrl), isHeld))
    .returning({ id: source.id })
  if (settled.length === 0) throw new LeaseLost()
}

/** Keeps a fetch that brought a document. @throws LeaseLost */
export async function recordFetched(
  tx: Database,
  leased: LeasedSource,
  reading: FetchedArticles,
  brought: Brought,
  now: Temporal.Instant,
): Promise<void> {
  const result = { ...reading, ...succeeded(leased.row, brought, now), fetches: sql`${source.fetches} + 1` }
  await recordAttempt(tx, leased, result)
}

/** Keeps a fetch that brought nothing new. @throws LeaseLost */
export async function recordUnchanged(
  tx: Database,
  leased: LeasedSource,
  { feedUrl, leastMinutes }: { readonly feedUrl: string; readonly leastMinutes: number },
  now: Temporal.Instant,
): Promise<void> {
  await recordAttempt(tx, leased, { feedUrl, ...succeeded(leased.row, { articles: 0, leastMinutes }, now) })
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
export type FetchFailure = {
  readonly reason: string
  readonly gone: boolean
  readonly retryAt: Temporal.Instant | null
}

/** Keeps a failure: the wait doubles with each in a row, up to a day; a source that is gone is not asked again. @throws LeaseLost */
export async function recordFailure(
  tx: Database,
  leased: LeasedSource,
  failure: FetchFailure,
  now: Temporal.Instant,
): Promise<void> {
  const { row } = leased
  await recordAttempt(tx, leased, {
    state: failure.gone ? 'ended' : row.state,
    lastFetchedAt: now,
    nextFetchAt: nextTry(row.failures + 1, failure.retryAt, now),
    failures: sql`${source.failures} + 1`,
    lastError: failure.reason,
  })
}

/** Whether the last recorded fetch is the one of this instant. */
export async function wasFetchedAt(db: Database, sourceId: number, at: Temporal.Instant): Promise<boolean> {
  return (await db.$count(source, and(eq(source.id, sourceId), eq(source.lastFetchedAt, at)))) > 0
}

/** The time of the next try after so many failures in a row. */
function nextTry(failures: number, retryAt: Temporal.Instant | null, now: Temporal.Instant): Temporal.Instant {
  const minutes = Math.min(MINUTES_BETWEEN * 2 ** Math.min(failures - 1, 10), LONGEST_WAIT_MINUTES)
  const latest = now.add({ minutes: LONGEST_WAIT_MINUTES })
  const planned = now.add({ minutes })
  if (retryAt === null || retryAt.epochMilliseconds <= planned.epochMilliseconds) return planned
  return retryAt.epochMilliseconds < latest.epochMilliseconds ? retryAt : latest
}
