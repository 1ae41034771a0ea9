import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { isTransient, retryTransient } from '../db/transient.ts'
import { reasonOf } from '../errors.ts'
import { type FetchResult, type FetchSourceOptions, failedFor, fetchSource } from './fetch-source.ts'
import { LeaseLost, recordFailure, recordFetched, recordUnchanged, wasFetchedAt } from './sources/record-fetch.ts'
import { type LeasedSource, releaseSourceLease } from './sources/source-lease.ts'
import { admitArticles, type StoreCounts, storeArticles } from './store/store-articles.ts'
import { withStoreLock } from './store/store-lock.ts'

/** How to collect a source, and what to call on the way. */
export type CollectOptions = FetchSourceOptions & {
  /** Called for each source that failed, once that is recorded. */
  readonly onFailure?: (sourceId: number, reason: string) => void
  /** Called for each source whose new articles the flood guard held, with their number. */
  readonly onHeld?: (sourceId: number, articles: number) => void
  /** Called each time the database failed to record a result for a reason that may pass. */
  readonly onRetry?: (sourceId: number, error: unknown) => void
}

/** What became of a leased source; `dropped` when it was stopped or another worker took over. */
export type CollectOutcome =
  | ({ readonly kind: 'fetched' } & StoreCounts)
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'dropped' }

/**
 * Fetches a leased source and stores what it brings: one transaction a document, which also ends the lease. A failure of any
 * kind is recorded at the source with its reason, and the source backs off. No connection is held during the fetch.
 *
 * @throws a fault of the database or of this machine that did not pass when it was repeated. Nothing is stored then, and the
 * source stays due.
 */
export async function collectSource(
  db: Database,
  leased: LeasedSource,
  options: CollectOptions,
  onFetched: () => void = () => {},
): Promise<CollectOutcome> {
  try {
    const result = await fetchSource(db, leased, options)
    onFetched()
    const isStopped = options.signal?.aborted === true && result.kind === 'failed'
    const outcome = isStopped ? DROPPED : await keepResult(db, leased, result, options)
    if (outcome.kind === 'dropped') await releaseSourceLease(db, leased.lease)
    if (outcome.kind === 'failed') options.onFailure?.(leased.row.id, outcome.reason)
    if (outcome.kind === 'fetched' && outcome.held > 0) options.onHeld?.(leased.row.id, outcome.held)
    return outcome
  } catch (error) {
    // While the database is unreachable, the lease expires by itself.
    await releaseSourceLease(db, leased.lease).catch(() => {})
    throw error
  }
}

const DROPPED: CollectOutcome = { kind: 'dropped' }

/** Records a result or, if that is impossible, why. */
async function keepResult(
  db: Database,
  leased: LeasedSource,
  result: FetchResult,
  options: CollectOptions,
): Promise<CollectOutcome> {
  try {
    return await repeatRecording(db, leased, result, options)
  } catch (error) {
    if (isTransient(error) || result.kind === 'failed') throw error
    return repeatRecording(db, leased, failedFor(`Storing it failed: ${reasonOf(error)}`), options)
  }
}

async function repeatRecording(
  db: Database,
  leased: LeasedSource,
  result: FetchResult,
  options: CollectOptions,
): Promise<CollectOutcome> {
  const { clock, signal, onRetry } = options
  const now = clock.now()
  let recorded: CollectOutcome = DROPPED
  const record = async (tx: Database) => {
    recorded = await recordResult(tx, leased, result, now)
    return recorded
  }
  const isStoring = result.kind === 'document' || (result.kind === 'unchanged' && leased.row.waiting)
  const transact = () => (isStoring ? withStoreLock(db, record) : record(db))
  const onFailure = (error: unknown) => onRetry?.(leased.row.id, error)
  return retryTransient(
    clock,
    async () => {
      try {
        return await transact()
      } catch (error) {
        if (!(error instanceof LeaseLost)) throw error
        // Our own commit may have succeeded although its answer was lost.
        return (await wasFetchedAt(db, leased.row.id, now)) ? recorded : DROPPED
      }
    },
    { onFailure, ...(signal && { signal }) },
  )
}

/** Writes a result; one with articles to store needs a storing transaction. @throws LeaseLost */
async function recordResult(
  tx: Database,
  leased: LeasedSource,
  result: FetchResult,
  now: Temporal.Instant,
): Promise<CollectOutcome> {
  const { row } = leased
  switch (result.kind) {
    case 'failed':
      await recordFailure(tx, leased, result, now)
      return { kind: 'failed', reason: result.reason }
    case 'unchanged':
      if (row.waiting) await admitArticles(tx, row.id, now)
      await recordUnchanged(tx, leased, result, now)
      return { kind: 'unchanged' }
    case 'document': {
      const { articles, homeKey, reading, leastMinutes } = result
      const stored = await storeArticles(tx, { sourceId: row.id, articles, homeKey, earlier: row.recentNew }, now)
      await recordFetched(tx, leased, reading, { articles: stored.new + stored.held, leastMinutes }, now)
      return { kind: 'fetched', ...stored }
    }
  }
}
