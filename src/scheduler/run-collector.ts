import { getCompileCacheDir } from 'node:module'
import { Worker } from 'node:worker_threads'
import { CHECK_EVERY_MS } from '../articles/collect.ts'
import { findDueSources } from '../articles/sources/due-sources.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'

/** What the collector thread is started with: plain data, since it opens its own connections. */
export type CollectorOptions = {
  readonly databaseUrl: string
  readonly secrets: readonly string[]
  readonly userAgent: string
  readonly allowPrivate: boolean
  readonly logLevel: string
  /** The thread ends when there was nothing to collect for this long. */
  readonly idleMs: number
  readonly cacheFolder: string | null
}

const RESTART_AFTER_MS = 5_000
/** Starting the thread takes half a second of CPU, keeping it 50 MB. */
const IDLE_MS = 60_000

/**
 * Collects sources when they are due, in a thread of its own, until the signal is aborted and the work under way has ended:
 * receiving, comparing and storing the articles of a hundred sources keeps a thread busy for seconds, in which no page would
 * be answered and no mail sent (`npm run bench -- hostile`). The thread runs while there is something to collect; a failure
 * is logged, and it is started again. Never throws.
 */
export async function runCollector(
  db: Database,
  setup: Omit<CollectorOptions, 'cacheFolder' | 'idleMs'>,
  log: Logger,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const due = await findDueSources(db, clock.now())
      // Aborted meanwhile: a thread started now would not be told to stop.
      if (signal.aborted) return
      if (due.length === 0) await clock.sleep(CHECK_EVERY_MS, signal)
      else await runThread({ ...setup, idleMs: IDLE_MS, cacheFolder: getCompileCacheDir() ?? null }, signal)
    } catch (error) {
      log.error({ reason: reasonOf(error) }, 'collect.failed')
      await clock.sleep(RESTART_AFTER_MS, signal)
    }
  }
}

function runThread(workerData: CollectorOptions, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const worker = new Worker(new URL('./collector-thread.ts', import.meta.url), { workerData, name: 'collector' })
  const stop = () => worker.postMessage('stop')
  signal.addEventListener('abort', stop, { once: true })
  worker.once('error', reject)
  worker.once('exit', (code) =>
    code === 0 || signal.aborted ? resolve() : reject(new Error('the collector thread exited with an error')),
  )
  return promise.finally(() => signal.removeEventListener('abort', stop))
}
