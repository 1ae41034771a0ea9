import { type ScheduledTask, schedule } from 'node-cron'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { type Jobs, QUEUES } from '../db/jobs.ts'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import { runMaintenance } from './maintenance.ts'

/** A scheduler that is running; `stop` waits for the tick under way. */
type Scheduler = { readonly stop: () => Promise<void> }

const EVERY_MINUTE = '* * * * *'
/** A minute and the time a tick may take: after this the machine's clock was set back, and cron waits for the old time. */
const LATE_MS = 75_000
const WATCH_EVERY_MS = 5_000

/**
 * Starts the scheduler: a tick now, which is waited for, and one each minute, which records a heartbeat, runs maintenance
 * and wakes the workers. The work itself is theirs: their queries find what is due. Several schedulers do no more than one.
 */
export async function startScheduler(
  db: Database,
  jobs: Pick<Jobs, 'wake'>,
  log: Logger,
  clock: Clock,
): Promise<Scheduler> {
  const scheduler = new MinuteScheduler(db, jobs, log, clock)
  await scheduler.start()
  return { stop: () => scheduler.stop() }
}

class MinuteScheduler {
  readonly #db: Database
  readonly #jobs: Pick<Jobs, 'wake'>
  readonly #log: Logger
  readonly #clock: Clock
  readonly #stopped = new AbortController()
  #task: ScheduledTask | null = null
  #watching: Promise<void> | null = null
  #ticking: Promise<void> | null = null
  #lastTickMs = 0

  constructor(db: Database, jobs: Pick<Jobs, 'wake'>, log: Logger, clock: Clock) {
    this.#db = db
    this.#jobs = jobs
    this.#log = log
    this.#clock = clock
  }

  async start(): Promise<void> {
    this.#task = schedule(EVERY_MINUTE, () => this.#tick(), { suppressMissedWarning: true })
    await this.#tick()
    this.#watching = this.#watch()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#task?.destroy()
    await this.#watching
    await this.#ticking
  }

  /** Runs one tick; one that comes while another is under way is that one. */
  #tick(): Promise<void> {
    this.#lastTickMs = this.#clock.monotonicMs()
    this.#ticking ??= this.#runOnce().finally(() => {
      this.#ticking = null
    })
    return this.#ticking
  }

  async #runOnce(): Promise<void> {
    await this.#attempt('maintain', () => runMaintenance(this.#db, this.#log, this.#clock))
    for (const queue of QUEUES) await this.#attempt(queue, () => this.#jobs.wake(queue))
  }

  /** A part that fails does not stop the others. */
  async #attempt(part: string, run: () => Promise<unknown>): Promise<void> {
    try {
      await run()
    } catch (error) {
      this.#log.error({ part, reason: reasonOf(error) }, 'tick.failed')
    }
  }

  /** Ticks when cron does not: it follows the machine's clock, which may be set back. */
  async #watch(): Promise<void> {
    for (;;) {
      await this.#clock.sleep(WATCH_EVERY_MS, this.#stopped.signal)
      if (this.#stopped.signal.aborted) return
      const lateMs = Math.round(this.#clock.monotonicMs() - this.#lastTickMs)
      if (lateMs <= LATE_MS) continue
      this.#log.warn({ lateMs }, 'scheduler.late')
      await this.#tick()
    }
  }
}
