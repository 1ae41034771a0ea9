import { PgBoss } from 'pg-boss'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { DatabasePool } from './client.ts'

/** What a worker can be woken for, in the order of a tick. */
export const QUEUES = ['plan', 'notice', 'deliver'] as const
export type Queue = (typeof QUEUES)[number]

/** Wake-ups shared by all processes on one database. A wake-up says only "look": what there is to do stands in rows. */
export type Jobs = {
  /** Wakes one idle worker of the queue; nothing is added while a wake-up waits there already, or once closed. */
  readonly wake: (queue: Queue) => Promise<void>
  /** Runs `look` for each wake-up, one at a time in this process; while it runs, wake-ups are left to other processes. */
  readonly work: (queue: Queue, look: () => Promise<void>) => Promise<void>
  /** Takes no more wake-ups and waits for what is running. */
  readonly close: () => Promise<void>
}

const SCHEMA = 'job'
const HOUR_SECONDS = 3600
/** pg-boss's longest. A send may take longer: it fails the wake-up then, and waits for the work all the same. */
const LONGEST_WORK_SECONDS = 24 * HOUR_SECONDS - 1
/** Another process hears of a wake-up this late, the same one at once; looking costs 1 % of a core on either engine. */
const POLL_SECONDS = 2
/** Whoever closes decides how long to wait; pg-boss takes a limit. */
const CLOSE_MS = HOUR_SECONDS * 1000

/**
 * Opens the wake-ups in a schema of their own, which pg-boss makes or migrates under a lock, so that processes may start
 * together. It works through our pool with plain statements and short transactions, as the embedded database asks; what
 * needs a session of its own (LISTEN) or is not needed (cron, statistics, its registry) is off.
 *
 * The policy is `short`: at most one wake-up waits. Those that allow one running at a time (`singleton`, `stately`) would
 * hold everybody up for hours when a worker dies.
 */
export async function openJobs({ pool }: Pick<DatabasePool, 'pool'>, log: Logger): Promise<Jobs> {
  let troubled = false
  const boss = new PgBoss({
    ...SETTINGS,
    // A statement that fails in the middle of a transaction loses its connection, so none goes back to the pool in one.
    db: {
      executeSql: async (text, values) => {
        const result = await pool.query(text, values)
        troubled = false
        return result
      },
    },
  })
  // Polling goes on while the database is away: said once, not every two seconds.
  boss.on('error', (error) => {
    if (!troubled) log.warn({ reason: reasonOf(error) }, 'jobs.error')
    troubled = true
  })
  await makeSchema(pool)
  await boss.start()
  for (const queue of QUEUES) await boss.createQueue(queue, QUEUE)
  const workers = new Map<Queue, string>()
  let closed = false
  return {
    wake: async (queue) => {
      if (closed) return
      await boss.send(queue, {})
      const worker = workers.get(queue)
      if (worker !== undefined) boss.notifyWorker(worker)
    },
    work: async (queue, look) => {
      workers.set(queue, await boss.work(queue, { pollingIntervalSeconds: POLL_SECONDS }, look))
    },
    close: async () => {
      closed = true
      await boss.stop({ graceful: true, timeout: CLOSE_MS, close: false })
    },
  }
}

/**
 * Makes pg-boss's schema before it does: `create schema if not exists` of two that start at once ends in a unique violation
 * for one of them (PostgreSQL 15), which then finds what the other has made.
 */
async function makeSchema(pool: DatabasePool['pool']): Promise<void> {
  await pool.query(`create schema if not exists ${SCHEMA}`).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === UNIQUE_VIOLATION)) throw error
  })
}

const UNIQUE_VIOLATION = '23505'

const SETTINGS = {
  schema: SCHEMA,
  schedule: false,
  supervise: true,
  superviseIntervalSeconds: HOUR_SECONDS,
  monitorIntervalSeconds: HOUR_SECONDS,
  maintenanceIntervalSeconds: HOUR_SECONDS,
  flowIntervalSeconds: HOUR_SECONDS,
  bamIntervalSeconds: HOUR_SECONDS,
  queueCacheIntervalSeconds: HOUR_SECONDS,
  reindex: false,
  monitorVacuum: false,
  registerInstance: false,
  openTelemetry: { enabled: false },
} as const

const QUEUE = {
  policy: 'short',
  retryLimit: 0,
  expireInSeconds: LONGEST_WORK_SECONDS,
  retentionSeconds: HOUR_SECONDS,
  deleteAfterSeconds: HOUR_SECONDS,
} as const
