import type { Temporal } from '../../clock.ts'
import type { MessageReply, SendStage } from '../../mail/smtp/reply.ts'
import { parseEnhanced, replyCode } from '../../mail/smtp/reply-text.ts'
import type { SkipReason } from '../claim.ts'
import { classifyReply } from './classify.ts'
import { type Attempt, computeRetryAt, GIVE_UP_HOURS } from './next-attempt.ts'
import { CLASSES, type ReplyClass } from './reply-class.ts'
import type { ClassifiableReply } from './reply-rules.ts'

/** The outcome of an attempt: the delivery's next state, its reason, and whether the address is suppressed. */
export type Outcome = {
  readonly state: 'queued' | 'sent' | 'deferred' | 'failed' | 'suppressed' | 'skipped'
  /** In plain words; `reply` is what the relay said. */
  readonly reason: string | null
  readonly reply: string | null
  readonly retryAt: Temporal.Instant | null
  /** The content was sent and no reply received: the next copy may be the second. */
  readonly ambiguous: boolean
  /** A permanent rejection by the mailbox itself. */
  readonly suppress: boolean
  /** The relay did not consider this message, so it does not count as an attempt. */
  readonly notAttempted: boolean
  /**
   * The reply is about the relay or about the sender, so the next message would probably get it too: close the connection and
   * wait before opening the next one.
   */
  readonly pausesRelay: boolean
}

/** After this many broken connections in a row, the message itself is assumed to be the cause. */
const MOST_BROKEN = 3

/**
 * A relay that accepts a message without replying looks like one that loses it, as docs/law.md explains. A reader may get a
 * second copy, not a third: then the delivery counts as sent.
 */
const NO_REPLY_AGAIN = 'the relay did not reply to the whole message, for the second time: it may have arrived'

/** Returns the outcome that a relay's reply means for a delivery. RFC 5321 §4.2.1, RFC 3463, and `replies.txt`. */
export function readReply(reply: MessageReply, attempt: Attempt, now: Temporal.Instant): Outcome {
  switch (reply.kind) {
    case 'accepted':
      return { ...NOTHING, state: 'sent', reply: reply.text }
    case 'refused':
    case 'deferred':
      return readRejection(reply, attempt, now)
    case 'broken':
      return readBroken(reply, attempt, now)
  }
}

/** A delivery that ends without being tried, since its reader may not be mailed. */
export function skip({ state, reason }: SkipReason): Outcome {
  return { ...NOTHING, state, reason }
}

/** A delivery whose message cannot be written for its reader. */
export function failUnrenderable(reason: string): Outcome {
  return fail(`the message cannot be written: ${reason}`)
}

/** A delivery that fails for a reason of Courant's own. */
export function fail(reason: string): Outcome {
  return { ...NOTHING, state: 'failed', reason }
}

/** A delivery that goes back to the queue without an attempt. */
export function requeue(reason: string, reply: string | null): Outcome {
  return { ...NOTHING, state: 'queued', reason, reply, notAttempted: true }
}

/** A delivery that is tried again later, or fails when it has been tried for too long. */
export function retryLater(
  attempt: Attempt,
  now: Temporal.Instant,
  reason: string,
  reply: string | null,
  backoff = CLASSES.unknown.backoff,
): Outcome {
  return deferUntil(computeRetryAt(attempt, backoff, now), reason, reply)
}

const NOTHING = {
  reason: null,
  reply: null,
  retryAt: null,
  ambiguous: false,
  suppress: false,
  notAttempted: false,
  pausesRelay: false,
} as const

type Rejected = Extract<MessageReply, { kind: 'refused' | 'deferred' }>
type Broken = Extract<MessageReply, { kind: 'broken' }>

function readRejection(reply: Rejected, attempt: Attempt, now: Temporal.Instant): Outcome {
  const name = classifyReply(reply)
  const { words, backoff, suppresses } = CLASSES[name]
  if (name === 'relay') return waitForRelay(reply.text, attempt, now)
  // Although the rejection is permanent: this gives an operator 48 hours to fix the account, instead of failing a whole edition.
  if (name === 'sender-rejected' || name === 'protocol-error')
    return { ...retryLater(attempt, now, words, reply.text, backoff), pausesRelay: true }
  if (reply.kind === 'deferred') return retryLater(attempt, now, words, reply.text, backoff)
  return { ...NOTHING, state: 'failed', reason: words, reply: reply.text, suppress: suppresses }
}

function readBroken(reply: Broken, attempt: Attempt, now: Temporal.Instant): Outcome {
  const { stage, text, ambiguous } = reply
  // Before MAIL nothing of this message has been transmitted.
  if (stage === 'connect' || stage === 'greeting' || stage === 'auth') return waitForRelay(text, attempt, now)
  if (replyCode(text) === 421) return waitForRelay(text, attempt, now, classifyReply(closingReply(text, stage)))
  if (ambiguous && attempt.mayHaveArrived)
    return { ...NOTHING, state: 'sent', reason: NO_REPLY_AGAIN, reply: text, ambiguous, pausesRelay: true }
  const reason = `the connection broke at ${stage}`
  if (attempt.attempts < MOST_BROKEN) return { ...NOTHING, state: 'queued', reason, reply: text, ambiguous }
  return { ...retryLater(attempt, now, reason, text), ambiguous }
}

/** RFC 5321 §3.8: a relay that replies 421 closes the connection and has not accepted the message. */
const closingReply = (text: string, stage: SendStage): ClassifiableReply => ({
  code: 421,
  enhanced: parseEnhanced(text),
  stage,
  text,
})

/**
 * A relay that closes the connection or fails by itself does not count as an attempt, but a message does not wait for it
 * for ever; the wait is longer where the relay names a limit, for example.
 */
function waitForRelay(text: string, attempt: Attempt, now: Temporal.Instant, name: ReplyClass = 'relay'): Outcome {
  const { words, backoff } = CLASSES[name]
  return { ...retryLater(attempt, now, words, text, backoff), notAttempted: true, pausesRelay: true }
}

function deferUntil(retryAt: Temporal.Instant | null, reason: string, reply: string | null): Outcome {
  if (retryAt === null) return { ...NOTHING, state: 'failed', reason: `${reason}, for ${GIVE_UP_HOURS} hours`, reply }
  return { ...NOTHING, state: 'deferred', reason, reply, retryAt }
}
