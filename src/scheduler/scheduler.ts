import { schedule } from 'node-cron'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { type Jobs, QUEUES } from '../db/jobs.ts'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import { runMaintenance } from './maintenance.ts'

/** A scheduler that is running; `stop` waits for the tick under way. */
type Scheduler = { readonly stop: () => Promise<void> }

const EVERY_MINUTE = '* * * * *'
/** A minute and the time a tick may take: then the machine's clock was set back, and the timetable waits for the old time. */
const LATE_MS = 75_000
const WATCH_EVERY_MS = 5_000

/**
 * Starts the scheduler: a tick now, waited for, and one a minute, which beats, keeps house and wakes the workers; the work
 * itself is theirs, and their own queries say what is due. Several schedulers wake no more than one does.
 */
export async function startScheduler(
  db: Database,
  jobs: Pick<Jobs, 'wake'>,
  log: Logger,
  clock: Clock,
): Promise<Scheduler> {
  let ticking: Promise<void> | null = null
  let lastMs = 0
  const tick = () => {
    lastMs = clock.monotonicMs()
    ticking ??= runTick(db, jobs, log, clock).finally(() => {
      ticking = null
    })
    return ticking
  }
  const task = schedule(EVERY_MINUTE, tick, { suppressMissedWarning: true })
  await tick()
  const stopped = new AbortController()
  const watching = watch()
  return {
    stop: async () => {
      stopped.abort()
      await task.destroy()
      await watching
      await ticking
    },
  }

  /** Ticks when the timetable does not: it goes by the machine's clock, which may be set back. */
  async function watch(): Promise<void> {
    for (;;) {
      await clock.sleep(WATCH_EVERY_MS, stopped.signal)
      if (stopped.signal.aborted) return
      if (clock.monotonicMs() - lastMs > LATE_MS) {
        log.warn({ lateMs: Math.round(clock.monotonicMs() - lastMs) }, 'scheduler.late')
        await tick()
      }
    }
  }
}

async function runTick(db: Database, jobs: Pick<Jobs, 'wake'>, log: Logger, clock: Clock): Promise<void> {
  const attempt = async (part: string, run: () => Promise<unknown>) => {
    try {
      await run()
    } catch (error) {
      log.error({ part, reason: reasonOf(error) }, 'tick.failed')
    }
  }
  await attempt('house', () => runMaintenance(db, log, clock))
  for (const queue of QUEUES) await attempt(queue, () => jobs.wake(queue))
}
