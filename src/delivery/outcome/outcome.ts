import type { Temporal } from '../../clock.ts'
import type { Reply } from '../../mail/smtp/open-connection.ts'
import type { SendStage } from '../../mail/smtp/reply.ts'
import { parseEnhanced, replyCode } from '../../mail/smtp/reply-text.ts'
import type { SkipReason } from '../claim.ts'
import { classifyReply } from './classify.ts'
import { type Attempt, computeRetryAt, GIVE_UP_HOURS } from './next-attempt.ts'
import { CLASSES, type ReplyClass } from './reply-class.ts'
import type { ClassifiableReply } from './reply-rules.ts'

/** What becomes of a delivery: its next state, why, and whether the address is never to be mailed again. */
export type Outcome = {
  readonly state: 'queued' | 'sent' | 'deferred' | 'failed' | 'suppressed' | 'skipped'
  /** In plain words; `reply` is what the relay said. */
  readonly reason: string | null
  readonly reply: string | null
  readonly retryAt: Temporal.Instant | null
  /** Content was sent and no answer came: the next copy may be the second. */
  readonly ambiguous: boolean
  /** The mailbox itself refused for good. */
  readonly suppress: boolean
  /** The relay did not look at this message: no attempt at it. */
  readonly notAttempted: boolean
  /**
   * What the relay said is about itself or about us, so that the next message may well hear it too: leave the connection,
   * and wait before the next one.
   */
  readonly pausesRelay: boolean
}

/** A connection that breaks again and again on one message is that message's matter. */
const MOST_BROKEN = 3

/**
 * A relay that takes a message and never says so looks like one that loses it, as docs/law.md explains. A second copy is what a
 * reader may get, not a third one: then it counts as sent.
 */
const NO_REPLY_AGAIN = 'the relay did not reply to the whole message, for the second time: it may have arrived'

/** Says what a relay's reply means for a delivery. RFC 5321 §4.2.1, RFC 3463, and `replies.txt`. */
export function readReply(reply: Reply, attempt: Attempt, now: Temporal.Instant): Outcome {
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
export function skip(refusal: SkipReason): Outcome {
  return { ...NOTHING, state: refusal.state, reason: refusal.reason }
}

/** A delivery whose message cannot be written for its reader. */
export function failUnrenderable(reason: string): Outcome {
  return fail(`the message cannot be written: ${reason}`)
}

/** One that fails for a reason of our own. */
export function fail(reason: string): Outcome {
  return { ...NOTHING, state: 'failed', reason }
}

/** A delivery that goes back untouched. */
export function requeue(reason: string, reply: string | null): Outcome {
  return { ...NOTHING, state: 'queued', reason, reply, notAttempted: true }
}

/** Another try later, or the end of it. */
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

type Refused = Extract<Reply, { kind: 'refused' | 'deferred' }>
type Broken = Extract<Reply, { kind: 'broken' }>

function readRejection(reply: Refused, attempt: Attempt, now: Temporal.Instant): Outcome {
  const name = classifyReply(reply)
  const { words, backoff, suppresses } = CLASSES[name]
  if (name === 'relay') return waitForRelay(reply.text, attempt, now)
  // Though it was said for good: an operator has 48 hours to mend what failing a whole edition would not.
  if (name === 'sender-rejected' || name === 'protocol-error')
    return { ...retryLater(attempt, now, words, reply.text, backoff), pausesRelay: true }
  if (reply.kind === 'deferred') return retryLater(attempt, now, words, reply.text, backoff)
  return { ...NOTHING, state: 'failed', reason: words, reply: reply.text, suppress: suppresses }
}

function readBroken(reply: Broken, attempt: Attempt, now: Temporal.Instant): Outcome {
  const { stage, text, ambiguous } = reply
  // Before MAIL nothing of this message was said yet.
  if (stage === 'connect' || stage === 'greeting' || stage === 'auth') return waitForRelay(text, attempt, now)
  if (replyCode(text) === 421) return waitForRelay(text, attempt, now, classifyReply(closingReply(text, stage)))
  if (ambiguous && attempt.mayHaveArrived)
    return { ...NOTHING, state: 'sent', reason: NO_REPLY_AGAIN, reply: text, ambiguous, pausesRelay: true }
  const reason = `the connection broke at ${stage}`
  if (attempt.attempts < MOST_BROKEN) return { ...NOTHING, state: 'queued', reason, reply: text, ambiguous }
  return { ...retryLater(attempt, now, reason, text), ambiguous }
}

/** RFC 5321 §3.8: with 421 a relay leaves, and has taken nothing. */
const closingReply = (text: string, stage: SendStage): ClassifiableReply => ({
  code: 421,
  enhanced: parseEnhanced(text),
  stage,
  text,
})

/**
 * A relay that leaves or has trouble of its own is no attempt at a message, but a message does not wait for it for ever;
 * and it waits longer where the relay leaves because of a limit, say.
 */
function waitForRelay(text: string, attempt: Attempt, now: Temporal.Instant, name: ReplyClass = 'relay'): Outcome {
  const { words, backoff } = CLASSES[name]
  return { ...retryLater(attempt, now, words, text, backoff), notAttempted: true, pausesRelay: true }
}

function deferUntil(retryAt: Temporal.Instant | null, reason: string, reply: string | null): Outcome {
  if (retryAt === null) return { ...NOTHING, state: 'failed', reason: `${reason}, for ${GIVE_UP_HOURS} hours`, reply }
  return { ...NOTHING, state: 'deferred', reason, reply, retryAt }
}
