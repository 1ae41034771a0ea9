import { getCompileCacheDir } from 'node:module'
import { Worker } from 'node:worker_threads'
import { LOOK_EVERY_MS } from '../articles/collect.ts'
import { findDueSources } from '../articles/sources/due-sources.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'

/** What the collecting thread is given: plain data, since it opens all it works with itself. */
export type CollectorOptions = {
  readonly databaseUrl: string
  readonly secrets: readonly string[]
  readonly userAgent: string
  readonly allowPrivate: boolean
  readonly logLevel: string
  /** It ends when there was nothing to collect for so long. */
  readonly idleMs: number
  readonly cacheFolder: string | null
}

const AGAIN_AFTER_MS = 5_000
/** Starting the thread takes half a second of CPU, keeping it 50 MB. */
const IDLE_MS = 60_000

/**
 * Collects sources when they are due, in a thread of its own, until the signal is aborted and what was under way has ended:
 * receiving, comparing and storing what a hundred sources bring keeps a thread for seconds, in which no page would be
 * answered and no mail sent (`npm run bench -- hostile`). There is a thread while there is something to collect; one that fails
 * is logged and started anew. Never throws.
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
      // Told to end meanwhile: a thread that is only now started would not hear of it.
      if (signal.aborted) return
      if (due.length === 0) await clock.sleep(LOOK_EVERY_MS, signal)
      else await runThread({ ...setup, idleMs: IDLE_MS, cacheFolder: getCompileCacheDir() ?? null }, signal)
    } catch (error) {
      log.error({ reason: reasonOf(error) }, 'collect.failed')
      await clock.sleep(AGAIN_AFTER_MS, signal)
    }
  }
}

function runThread(workerData: CollectorOptions, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const worker = new Worker(new URL('./collector-thread.ts', import.meta.url), { workerData, name: 'collecting' })
  const stop = () => worker.postMessage('stop')
  signal.addEventListener('abort', stop, { once: true })
  worker.once('error', reject)
  worker.once('exit', (code) =>
    code === 0 || signal.aborted ? resolve() : reject(new Error('the collecting thread has ended')),
  )
  return promise.finally(() => signal.removeEventListener('abort', stop))
}
