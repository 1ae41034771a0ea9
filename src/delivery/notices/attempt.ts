import type { Clock } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { retryTransient } from '../../db/transient.ts'
import { reasonOf } from '../../errors.ts'
import { type Envelope, measure, type Reply, type SmtpConnection } from '../../mail/smtp/open-connection.ts'
import type { CircuitBreaker } from '../circuit-breaker.ts'
import { DATABASE_AWAY_MS } from '../held-batches.ts'
import { fail, failUnrenderable, type Outcome, readReply, requeue, skip } from '../outcome/outcome.ts'
import type { Sender } from '../worker.ts'
import { type ClaimedNotice, mayStillSend } from './claim-notices.ts'
import type { HeldNotices } from './held-notices.ts'
import { writeNotice } from './write-notice.ts'

/** What sending one notice takes. */
export type NoticeWork = {
  readonly db: Database
  readonly sender: Sender
  readonly clock: Clock
  /** Once it is aborted no message is ended. */
  readonly signal: AbortSignal
  readonly held: HeldNotices
}

/** What workers die over again and again, or cannot record, is not sent more often. */
const MOST_TAKEN_OVER = 3

/**
 * Sends a claimed notice and says what becomes of it; null when it is no longer this worker's. Its content is ended only
 * while its reader may get it: one that the relay took long to accept is looked at again.
 */
export async function attemptNotice(
  work: NoticeWork,
  connection: SmtpConnection,
  breaker: CircuitBreaker,
  notice: ClaimedNotice,
): Promise<Outcome | null> {
  if (notice.takenOver && notice.attempts > MOST_TAKEN_OVER)
    return fail(`it may have been sent ${MOST_TAKEN_OVER} times, which could not be recorded`)
  const message = await write(work, notice)
  if ('state' in message) return message
  const { clock } = work
  const begunMs = clock.monotonicMs()
  const hear = (reply: Reply) => {
    const { attempts, ambiguous: mayHaveArrived, createdAt: giveUpFrom } = notice
    const attempt = { attempts, mayHaveArrived, giveUpFrom, jitter: Math.random() }
    const outcome = readReply(reply, attempt, clock.now())
    breaker.record(reply, outcome, begunMs)
    return outcome
  }
  const refusal = await connection.begin(message.envelope, measure([message.octets]))
  if (refusal !== null) return hear(refusal)
  connection.write([message.octets])
  if (notice.ambiguous) await connection.awaitArrival()
  const ended = await endMessage(work, connection, notice)
  if ('reply' in ended) return hear(await ended.reply)
  await connection.abandon()
  return ended.outcome
}

type Message = { readonly envelope: Envelope; readonly octets: Buffer }

/** A content that cannot be rendered fails at once: only a new template makes it another one. */
async function write({ sender, clock }: NoticeWork, notice: ClaimedNotice): Promise<Message | Outcome> {
  const [first] = notice.asked
  if (first === undefined) return skip({ may: false, state: 'skipped', reason: notice.skip ?? 'erased' })
  try {
    return await writeNotice(sender.context, notice, first, clock.now())
  } catch (error) {
    const reason = reasonOf(error)
    sender.log.error({ noticeId: notice.id, reason }, 'notice.render_failed')
    return failUnrenderable(reason)
  }
}

/** The reply to the end of the content, which has gone out, or what becomes of the notice without it. */
type Ended = { readonly reply: Promise<Reply> } | { readonly outcome: Outcome | null }

async function endMessage(work: NoticeWork, connection: SmtpConnection, notice: ClaimedNotice): Promise<Ended> {
  const { signal, held } = work
  if (signal.aborted) return { outcome: requeue('stopped', null) }
  if (!held.holds(notice)) return { outcome: null }
  if (!held.isOld(notice)) return { reply: connection.finish() }
  return endIfAllowed(work, connection, notice)
}

/** Ends the content while the reader's subscriptions are locked, so that nobody can unsubscribe in between. */
async function endIfAllowed(
  { db, clock, signal, held, sender }: NoticeWork,
  connection: SmtpConnection,
  notice: ClaimedNotice,
): Promise<Ended> {
  const ended: { reply?: Promise<Reply> } = {}
  const lookAndEnd = () =>
    db.transaction(async (tx) => {
      if (ended.reply !== undefined || !(await mayStillSend(tx, notice))) return
      if (held.holds(notice) && !signal.aborted) ended.reply = connection.finish()
    })
  try {
    await retryTransient(clock, lookAndEnd, { signal, forMs: DATABASE_AWAY_MS })
  } catch (error) {
    sender.log.error({ noticeId: notice.id, reason: reasonOf(error) }, 'notice.not_checked')
  }
  return ended.reply === undefined ? { outcome: requeue('looked at again', null) } : { reply: ended.reply }
}
