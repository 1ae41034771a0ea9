import { enableCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type { CollectorOptions } from './run-collector.ts'

/** The thread that collects sources: `run-collector.ts` starts it, and tells it to stop. */
const port = parentPort
if (port === null) throw new Error('collector-thread.ts runs as a worker thread only')
const { databaseUrl, secrets, userAgent, allowPrivate, logLevel, idleMs, cacheFolder }: CollectorOptions = workerData
if (cacheFolder !== null) enableCompileCache(cacheFolder)
const stopping = new AbortController()
port.once('message', () => stopping.abort())
// The thread ends with its work, even if it is not told to stop.
port.unref()

const [
  { systemClock },
  { keepCollecting, logSources },
  { openSecretCipher },
  { openDatabase },
  { DatabaseClock, keepAligned },
  { POOL_SIZES },
  { openLog },
] = await Promise.all([
  import('../clock.ts'),
  import('../articles/collect.ts'),
  import('../articles/sources/secrets.ts'),
  import('../db/client.ts'),
  import('../db/database-clock.ts'),
  import('../db/pools.ts'),
  import('../log.ts'),
])
const log = openLog(logLevel)
const opened = await openDatabase(databaseUrl, POOL_SIZES.collecting)
try {
  const clock = new DatabaseClock(systemClock)
  // Without a log: the main thread has logged how far this machine's clock is off.
  if (opened.engine === 'postgres') await keepAligned(clock, opened.db, null, stopping.signal)
  const options = { userAgent, allowPrivate, cipher: openSecretCipher(secrets), ...logSources(log) }
  await keepCollecting(opened.db, { ...options, clock, signal: stopping.signal, idleMs }, log)
} finally {
  await opened.close()
}
