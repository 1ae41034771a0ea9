import type { Clock } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { retryTransient } from '../../db/transient.ts'
import { reasonOf } from '../../errors.ts'
import { measureMessage } from '../../mail/mime/dot-stuffing.ts'
import type { Envelope } from '../../mail/smtp/envelope.ts'
import type { MessageReply } from '../../mail/smtp/reply.ts'
import type { SmtpConnection } from '../../mail/smtp/session.ts'
import type { CircuitBreaker } from '../circuit-breaker.ts'
import { DATABASE_AWAY_MS } from '../held-batches.ts'
import { fail, failUnrenderable, type Outcome, readReply, requeue, skip } from '../outcome/outcome.ts'
import type { Sender } from '../worker.ts'
import { type ClaimedNotice, mayStillSend } from './claim-notices.ts'
import type { HeldNotices } from './held-notices.ts'
import { writeNotice } from './write-notice.ts'

/** What sending one notice requires. */
export type NoticeWork = {
  readonly db: Database
  readonly sender: Sender
  readonly clock: Clock
  /** Once aborted, no message is ended. */
  readonly signal: AbortSignal
  readonly held: HeldNotices
}

/** A notice whose workers die or cannot record its outcome is sent no more often than this. */
const MOST_TAKEN_OVER = 3

/**
 * Sends a claimed notice and returns its outcome; null when it is no longer this worker's. Its content is ended only while its
 * reader may be mailed: if the relay was slow to accept it, the reader is checked again.
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
  const readOutcome = (reply: MessageReply) => {
    const { attempts, ambiguous: mayHaveArrived, createdAt: giveUpFrom } = notice
    const attempt = { attempts, mayHaveArrived, giveUpFrom, jitter: Math.random() }
    const outcome = readReply(reply, attempt, clock.now())
    breaker.record(reply, outcome, begunMs)
    return outcome
  }
  const rejection = await connection.begin(message.envelope, measureMessage([message.octets]))
  if (rejection !== null) return readOutcome(rejection)
  connection.write([message.octets])
  if (notice.ambiguous) await connection.awaitArrival()
  const ended = await endMessage(work, connection, notice)
  if ('reply' in ended) return readOutcome(await ended.reply)
  await connection.abandon()
  return ended.outcome
}

type Message = { readonly envelope: Envelope; readonly octets: Buffer }

/** Content that cannot be rendered fails at once: only a changed template could make a difference. */
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
type Ended = { readonly reply: Promise<MessageReply> } | { readonly outcome: Outcome | null }

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
  const ended: { reply?: Promise<MessageReply> } = {}
  const checkAndEnd = () =>
    db.transaction(async (tx) => {
      if (ended.reply !== undefined || !(await mayStillSend(tx, notice))) return
      if (held.holds(notice) && !signal.aborted) ended.reply = connection.finish()
    })
  try {
    await retryTransient(clock, checkAndEnd, { signal, forMs: DATABASE_AWAY_MS })
  } catch (error) {
    sender.log.error({ noticeId: notice.id, reason: reasonOf(error) }, 'notice.not_checked')
  }
  return ended.reply === undefined ? { outcome: requeue('to be checked again', null) } : { reply: ended.reply }
}
