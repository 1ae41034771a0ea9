import type { Temporal } from '../clock.ts'
import type { Reply } from '../mail/smtp.ts'
import type { Refusal } from './send/claim.ts'
import { type Attempt, GIVE_UP_HOURS, nextTry } from './send/retry.ts'

/** What becomes of a delivery: its next state, why, and whether the address is never to be mailed again. */
export type Outcome = {
  readonly state: 'queued' | 'sent' | 'deferred' | 'failed' | 'suppressed' | 'skipped'
  readonly reason: string | null
  readonly reply: string | null
  readonly retryAt: Temporal.Instant | null
  /** Content was sent and no answer came: the next copy may be the second. */
  readonly ambiguous: boolean
  /** The mailbox itself refused for good. */
  readonly suppress: boolean
  /** The relay could not be reached at all: no attempt at this message. */
  readonly untried: boolean
}

/** A connection that breaks again and again on one message is that message's matter. */
const MOST_BROKEN = 3

/**
 * Enhanced codes by which a mailbox says that it is not there and never will be (RFC 3463 §3.2, §3.3). Everything else a
 * receiver refuses for good (content, policy, reputation, size) fails this delivery and leaves the reader alone.
 */
const NO_SUCH_MAILBOX = ['5.1.0', '5.1.1', '5.1.2', '5.1.3', '5.1.6', '5.1.10', '5.2.1']
/** Codes of refused recipients without an enhanced one. RFC 5321 §4.2.2. */
const RECIPIENT_REFUSED = [550, 551, 553]

/** Says what a relay's reply means for a delivery. RFC 5321 §4.2.1, RFC 3463. */
export function readReply(reply: Reply, attempt: Attempt, now: Temporal.Instant): Outcome {
  switch (reply.kind) {
    case 'accepted':
      return { ...NOTHING, state: 'sent', reply: reply.text }
    case 'refused':
      return {
        ...NOTHING,
        state: 'failed',
        reason: 'refused by the receiver',
        reply: reply.text,
        suppress: isGone(reply),
      }
    case 'deferred':
      return retryLater(attempt, now, 'the receiver asked to come back later', reply.text)
    case 'broken':
      if (attempt.attempts < MOST_BROKEN)
        return {
          ...NOTHING,
          state: 'queued',
          reason: `the connection broke at ${reply.stage}`,
          reply: reply.text,
          ambiguous: reply.ambiguous,
        }
      return {
        ...retryLater(attempt, now, `the connection broke at ${reply.stage}`, reply.text),
        ambiguous: reply.ambiguous,
      }
  }
}

/** A delivery that ends without being tried, since its reader may not be mailed. */
export function refuse(refusal: Refusal): Outcome {
  return { ...NOTHING, state: refusal.state, reason: refusal.reason }
}

/** A delivery whose message cannot be written for its reader. */
export function failUnwritten(reason: string): Outcome {
  return { ...NOTHING, state: 'failed', reason: `the message cannot be written: ${reason}` }
}

/** A delivery that goes back untouched. */
export function putBack(reason: string, reply: string | null): Outcome {
  return { ...NOTHING, state: 'queued', reason, reply, untried: true }
}

const NOTHING = { reason: null, reply: null, retryAt: null, ambiguous: false, suppress: false, untried: false } as const

function isGone(reply: Extract<Reply, { kind: 'refused' | 'deferred' }>): boolean {
  if (reply.enhanced !== null) return NO_SUCH_MAILBOX.includes(reply.enhanced)
  return reply.stage === 'rcpt' && RECIPIENT_REFUSED.includes(reply.code)
}

/** Another try later, or the end of it. */
export function retryLater(attempt: Attempt, now: Temporal.Instant, reason: string, reply: string | null): Outcome {
  const retryAt = nextTry(attempt, now)
  if (retryAt === null) return { ...NOTHING, state: 'failed', reason: `${reason}, for ${GIVE_UP_HOURS} hours`, reply }
  return { ...NOTHING, state: 'deferred', reason, reply, retryAt }
}
