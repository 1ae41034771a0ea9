import { PgBoss } from 'pg-boss'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { DatabasePool } from './client.ts'

/** What a worker can be woken for, in the order of a tick. */
export const QUEUES = ['plan', 'notice', 'deliver'] as const
export type Queue = (typeof QUEUES)[number]

/** Wake-ups shared by all processes on one database. A wake-up carries no data: what is due is in the rows. */
export type Jobs = {
  /** Wakes one idle worker of the queue; nothing is added while a wake-up waits there already, or once closed. */
  readonly wake: (queue: Queue) => Promise<void>
  /** Runs `handler` for each wake-up, one at a time in this process; meanwhile wake-ups are left to other processes. */
  readonly work: (queue: Queue, handler: () => Promise<void>) => Promise<void>
  /** Accepts no more wake-ups and waits for what is running. */
  readonly close: () => Promise<void>
}

const SCHEMA = 'job'
const HOUR_SECONDS = 3600
/** pg-boss's maximum. A send may take longer: pg-boss then fails the wake-up, and still waits for the work. */
const LONGEST_WORK_SECONDS = 24 * HOUR_SECONDS - 1
/** A wake-up reaches another process within this, the same one at once; polling costs 1 % of a core on either engine. */
const POLL_SECONDS = 2
/** pg-boss needs a limit, but the caller of `close` decides how long to wait. */
const CLOSE_MS = HOUR_SECONDS * 1000

/**
 * Opens the wake-ups in a schema of their own, which pg-boss creates or migrates under a lock, so that processes may start
 * together. It uses our pool with plain statements and short transactions, as the embedded database requires; what needs a
 * session of its own (LISTEN) or is not needed (cron, statistics, its registry) is off.
 *
 * The policy is `short`: at most one wake-up waits. Those that allow one running at a time (`singleton`, `stately`) would
 * hold up every worker for hours when one dies.
 */
export async function openJobs({ pool }: Pick<DatabasePool, 'pool'>, log: Logger): Promise<Jobs> {
  let hasFailed = false
  const boss = new PgBoss({
    ...SETTINGS,
    // A statement that fails in the middle of a transaction loses its connection, so none goes back to the pool in one.
    db: {
      executeSql: async (text, values) => {
        const result = await pool.query(text, values)
        hasFailed = false
        return result
      },
    },
  })
  // Polling continues while the database is unreachable: logged once, not every two seconds.
  boss.on('error', (error) => {
    if (!hasFailed) log.warn({ reason: reasonOf(error) }, 'jobs.error')
    hasFailed = true
  })
  await createSchema(pool)
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
    work: async (queue, handler) => {
      workers.set(queue, await boss.work(queue, { pollingIntervalSeconds: POLL_SECONDS }, handler))
    },
    close: async () => {
      closed = true
      await boss.stop({ graceful: true, timeout: CLOSE_MS, close: false })
    },
  }
}

/**
 * Creates the schema before pg-boss does: when two processes start at once, `create schema if not exists` fails with a
 * unique violation in one of them (PostgreSQL 15), which then finds the schema of the other.
 */
async function createSchema(pool: DatabasePool['pool']): Promise<void> {
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
