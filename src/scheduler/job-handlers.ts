import { unlessStopped } from '../abortable.ts'
import type { Clock } from '../clock.ts'
import { type Jobs, QUEUES, type Queue } from '../db/jobs.ts'
import type { WorkerPools } from '../db/pools.ts'
import { hasDueBatch } from '../delivery/lease.ts'
import { sendNotices } from '../delivery/notices/send-notices.ts'
import { finishEditions } from '../editions/editions.ts'
import { reasonOf } from '../errors.ts'
import { deliverDue, planDue, type TickWork } from './tick.ts'

/** What a worker works with; collecting, which a tick does too, has its own thread here. */
type WorkerWork = Pick<TickWork, 'sender' | 'log'>

/** What a worker does when it is woken: it looks what is due, and does it. */
type JobHandler = () => Promise<void>

/** A stop abandons a plan that takes longer, which is as safe as a crash: a slice is one transaction. */
const PATIENCE_MS = 4_000
/** What failed is left alone this long, whoever wakes it. */
const AFTER_FAILURE_MS = 20_000

/**
 * The table of contents: what each wake-up leads to. Confirmations must not wait for an hour of digests, so notices have
 * a queue and a connection of their own; of each queue a process runs one look at a time.
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
      // A worker that is always busy comes to this only when it is idle.
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
 * Starts a worker: from now on it looks whenever it is woken, and once at the start. What fails is logged, waits a while
 * and keeps nobody else from anything; the next wake-up tries again. Once `signal` is aborted it begins nothing; closing the
 * jobs waits for what is under way. Sources are collected apart (`collecting.ts`).
 */
export async function startWorker(
  pools: WorkerPools,
  work: WorkerWork,
  jobs: Jobs,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const looks = jobHandlers(pools, work, jobs, clock, signal)
  const late = new AbortController()
  signal.addEventListener('abort', () => setTimeout(() => late.abort(), PATIENCE_MS).unref(), { once: true })
  const run = async (queue: Queue): Promise<void> => {
    try {
      if (signal.aborted) return
      const look = looks[queue]()
      await (queue === 'plan' ? unlessStopped(look, late.signal) : look)
    } catch (error) {
      work.log.error({ queue, reason: reasonOf(error) }, 'look.failed')
      await clock.sleep(AFTER_FAILURE_MS, signal)
    }
  }
  for (const queue of QUEUES) {
    await jobs.work(queue, () => run(queue))
    await jobs.wake(queue)
  }
}
