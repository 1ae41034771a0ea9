import { orAborted } from '../abortable.ts'
import type { Clock } from '../clock.ts'
import { type Jobs, QUEUES, type Queue } from '../db/jobs.ts'
import type { WorkerPools } from '../db/pools.ts'
import { hasDueBatch } from '../delivery/lease.ts'
import { sendNotices } from '../delivery/notices/send-notices.ts'
import { finishEditions } from '../editions/editions.ts'
import { reasonOf } from '../errors.ts'
import { deliverDue } from './deliver-due.ts'
import { planDue } from './plan-due.ts'
import type { TickWork } from './tick.ts'

/** What a worker works with; collecting, which a tick does too, has a thread of its own here. */
type WorkerWork = Pick<TickWork, 'sender' | 'log'>

/** What a worker does when a queue wakes it: it finds out what is due, and does it. */
type JobHandler = () => Promise<void>

/** A plan that takes longer than this after a stop is abandoned, which is as safe as a crash: a slice is one transaction. */
const STOP_PLANNING_MS = 4_000
/** A handler that failed does not run again before this, however often it is woken. */
const AFTER_FAILURE_MS = 20_000

/**
 * The handler of each queue. Confirmations must not wait for an hour of digests, so notices have a queue and a connection
 * of their own; of each queue a process runs one job at a time.
 */
function jobHandlers(
  { planning, sending }: WorkerPools,
  work: WorkerWork,
  jobs: Pick<Jobs, 'wake'>,
  clock: Clock,
  signal: AbortSignal,
): Readonly<Record<Queue, JobHandler>> {
  return {
    plan: async () => {
      await planDue(planning, work, clock, signal)
      // A worker that is always busy finishes editions only when it is idle.
      await finishEditions(planning, {}, clock.now())
      await jobs.wake('deliver')
    },
    notice: async () => {
      await sendNotices(sending, work.sender, clock, signal)
    },
    deliver: async () => {
      // A wake-up wakes one worker; that one wakes the next as long as there is a batch for it.
      if (await hasDueBatch(sending, clock.now())) await jobs.wake('deliver')
      await deliverDue(sending, work, clock, signal)
    },
  }
}

/**
 * Starts a worker, whose handlers run whenever they are woken, and once at the start. A failure is logged and holds up its
 * own queue for a while; the next wake-up tries again. Once `signal` is aborted nothing new begins; closing the jobs waits
 * for what is under way. Sources are collected in a thread of their own (`run-collector.ts`).
 */
export async function startWorker(
  pools: WorkerPools,
  work: WorkerWork,
  jobs: Jobs,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const handlers = jobHandlers(pools, work, jobs, clock, signal)
  const late = new AbortController()
  signal.addEventListener('abort', () => setTimeout(() => late.abort(), STOP_PLANNING_MS).unref(), { once: true })
  const run = async (queue: Queue): Promise<void> => {
    try {
      if (signal.aborted) return
      const running = handlers[queue]()
      await (queue === 'plan' ? orAborted(running, late.signal) : running)
    } catch (error) {
      work.log.error({ queue, reason: reasonOf(error) }, 'job.failed')
      await clock.sleep(AFTER_FAILURE_MS, signal)
    }
  }
  for (const queue of QUEUES) {
    await jobs.work(queue, () => run(queue))
    await jobs.wake(queue)
  }
}
