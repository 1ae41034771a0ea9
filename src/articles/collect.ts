import type { Database } from '../db/client.ts'
import { retryTransient } from '../db/transient.ts'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { CollectOptions, CollectOutcome } from './collect-source.ts'
import { Collector } from './collector.ts'
import { parserPool } from './parsing/parser-pool.ts'
import { findDueSources, findSources } from './sources/due-sources.ts'
import type { LeasedSource } from './sources/source-lease.ts'

/** Which sources to collect. */
type CollectedSources = {
  /** Null for all active ones. */
  readonly sourceIds: readonly number[] | null
  /** Skips sources that another worker fetches meanwhile; with null only sources that are due are fetched. */
  readonly onlyDue?: boolean
  /** Called for a host that another process is asking, each time it is tried. */
  readonly onBusyHost?: (host: string) => void
}

/** Counts of sources by what came of them, and of articles: `held`, `new`, `updated`. */
export type Collected = {
  readonly sources: number
  readonly fetched: number
  readonly unchanged: number
  readonly failed: number
  readonly held: number
  readonly new: number
  readonly updated: number
}

export const NOTHING_COLLECTED: Collected = {
  ...{ sources: 0, fetched: 0, unchanged: 0, failed: 0 },
  ...{ held: 0, new: 0, updated: 0 },
}

/** How often a worker looks for due sources. */
export const CHECK_EVERY_MS = 4_000
/** After a fault collecting pauses for a second, then twice as long each time, up to this. */
const LONGEST_PAUSE_MS = 5_000

/**
 * Fetches sources once and stores what they bring. Across all processes a host is asked for one source at a time; a source
 * that is slow or fails affects no other.
 *
 * @throws the first fault of the database or of this machine, once all other sources are done.
 */
export async function collectSources(db: Database, options: CollectOptions & CollectedSources): Promise<Collected> {
  const { clock, signal = new AbortController().signal, sourceIds, onlyDue = false, onBusyHost } = options
  const find = () => (onlyDue && sourceIds === null ? findDueSources(db, clock.now()) : findSources(db, sourceIds))
  const candidates = await retryTransient(clock, find, { signal })
  const outcomes: CollectOutcome[] = []
  const faults: unknown[] = []
  const collector = new Collector({
    ...{ db, clock, signal, onlyDue },
    ...(onBusyHost && { onBusyHost }),
    collect: async (leased, onFetched) => {
      outcomes.push(await collectOne(db, leased, options, onFetched))
    },
    onFault: (error) => faults.push(error),
  })
  try {
    await collector.fetchAll(candidates)
  } catch (error) {
    faults.push(error)
  }
  await collector.end()
  if (faults.length > 0) throw faults[0]
  return tally(outcomes)
}

/** Loads what reads feeds on first use: a worker that never fetches one saves 20 MB. */
async function collectOne(db: Database, leased: LeasedSource, options: CollectOptions, onFetched: () => void) {
  const { collectSource } = await import('./collect-source.ts')
  return collectSource(db, leased, options, onFetched)
}

function tally(outcomes: readonly CollectOutcome[]): Collected {
  const count = (kind: CollectOutcome['kind']) => outcomes.filter((outcome) => outcome.kind === kind).length
  const documents = outcomes.filter((outcome) => outcome.kind === 'fetched')
  return {
    sources: outcomes.length,
    fetched: documents.length,
    unchanged: count('unchanged'),
    failed: count('failed'),
    held: documents.reduce((sum, document) => sum + document.held, 0),
    new: documents.reduce((sum, document) => sum + document.new, 0),
    updated: documents.reduce((sum, document) => sum + document.updated, 0),
  }
}

/**
 * Fetches each source when it is due, until the signal is aborted; then fetches are cancelled and leases released. Any number
 * of workers share the sources. A fault of the database is logged, and collecting resumes after a pause. With `idleMs` it also
 * ends once nothing was due or under way for that long. Never throws.
 */
export async function keepCollecting(
  db: Database,
  options: CollectOptions & { readonly signal: AbortSignal; readonly idleMs?: number },
  log: Logger,
): Promise<void> {
  const { clock, signal, idleMs = Number.POSITIVE_INFINITY } = options
  let faults = 0
  let busyMs = clock.monotonicMs()
  const onFault = (error: unknown) => {
    faults += 1
    log.error({ reason: reasonOf(error) }, 'collect.failed')
  }
  const collect = async (leased: LeasedSource, onFetched: () => void) => {
    await collectOne(db, leased, options, onFetched)
  }
  const collector = new Collector({ db, clock, signal, onlyDue: true, collect, onFault })
  while (!signal.aborted && clock.monotonicMs() - busyMs < idleMs) {
    const before = faults
    try {
      const due = await findDueSources(db, clock.now())
      if (due.length > 0 || collector.isBusy) busyMs = clock.monotonicMs()
      await collector.fetchFor(due, CHECK_EVERY_MS)
    } catch (error) {
      onFault(error)
    }
    if (faults === before) faults = 0
    else await clock.sleep(Math.min(1000 * 2 ** (faults - 1), LONGEST_PAUSE_MS), signal)
  }
  await collector.end()
  // A reader that was given is its owner's.
  if (options.reader === undefined) await parserPool.end()
}

/** Callbacks that log failures, held articles and retries. */
export function logSources(log: Logger): Pick<CollectOptions, 'onFailure' | 'onHeld' | 'onRetry'> {
  return {
    onFailure: (sourceId, reason) => log.warn({ sourceId, reason }, 'source.failed'),
    onHeld: (sourceId, articles) => log.warn({ sourceId, articles }, 'source.held'),
    onRetry: (sourceId, error) => log.warn({ sourceId, reason: reasonOf(error) }, 'collect.retried'),
  }
}
