import { getCompileCacheDir } from 'node:module'
import { Worker } from 'node:worker_threads'
import type { Clock } from '../clock.ts'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'

/** What the collecting thread is given: plain data, since it opens all it works with itself. */
export type CollectingSetup = {
  readonly databaseUrl: string
  readonly secrets: readonly string[]
  readonly userAgent: string
  readonly allowPrivate: boolean
  readonly logLevel: string
  readonly cacheFolder: string | null
}

const AGAIN_AFTER_MS = 5_000

/**
 * Collects sources when they are due, in a thread of its own, until the signal is aborted and what was under way has ended:
 * receiving, comparing and storing what a hundred sources bring keeps a thread for seconds, in which no page would be
 * answered and no mail sent (`npm run bench -- hostile`). A thread that fails is logged and started anew. Never throws.
 */
export async function collectApart(
  setup: Omit<CollectingSetup, 'cacheFolder'>,
  log: Logger,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await runThread({ ...setup, cacheFolder: getCompileCacheDir() ?? null }, signal)
    } catch (error) {
      log.error({ reason: reasonOf(error) }, 'collect.failed')
      await clock.sleep(AGAIN_AFTER_MS, signal)
    }
  }
}

function runThread(workerData: CollectingSetup, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const worker = new Worker(new URL('./collecting-thread.ts', import.meta.url), { workerData, name: 'collecting' })
  const stop = () => worker.postMessage('stop')
  signal.addEventListener('abort', stop, { once: true })
  worker.once('error', reject)
  worker.once('exit', () => (signal.aborted ? resolve() : reject(new Error('the collecting thread has ended'))))
  return promise.finally(() => signal.removeEventListener('abort', stop))
}
