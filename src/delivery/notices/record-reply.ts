import { isTransient, waitMs } from '../../db/transient.ts'
import { reasonOf } from '../../errors.ts'
import { LEASE_SECONDS } from '../lease.ts'
import type { NoticeWork } from './attempt.ts'
import { type NoticeResult, recordNotices } from './record-notices.ts'

/**
 * Records the outcome of a notice, repeatedly while that fails: what a relay has accepted is not forgotten. A transient fault is
 * waited out, unless the sending was stopped; any other is retried for the time of a lease and then thrown. The notice then
 * stays `sending`, and the worker that takes it over flags it as possibly sent.
 */
export async function recordNoticeUntilWritten(
  { db, clock, sender, signal }: NoticeWork,
  result: NoticeResult,
): Promise<void> {
  const { log } = sender
  const { id: noticeId, kind } = result.notice
  const startMs = clock.monotonicMs()
  for (let failures = 0; ; ) {
    try {
      const written = await recordNotices(db, [result], clock.now())
      if (written.has(noticeId)) log.info({ noticeId, kind, outcome: result.outcome.state }, 'notice.recorded')
      return
    } catch (error) {
      failures += 1
      if (failures === 1) log.error({ noticeId, reason: reasonOf(error) }, 'outcomes.not_recorded')
      const isInTime = clock.monotonicMs() - startMs <= LEASE_SECONDS * 1000
      if (!isInTime && (signal.aborted || !isTransient(error))) throw error
      await clock.sleep(waitMs(failures))
    }
  }
}
