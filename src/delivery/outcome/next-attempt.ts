import type { Temporal } from '../../clock.ts'
import type { Backoff } from './reply-class.ts'

/** The state of a delivery when it was tried. */
export type Attempt = {
  /** This one included. */
  readonly attempts: number
  /** The slot, or when an edition was created manually; for a notice, when it was queued. */
  readonly giveUpFrom: Temporal.Instant
  /** A copy of it may have arrived before this attempt. */
  readonly mayHaveArrived?: boolean
  /** From 0 to 1, spreads the retries. */
  readonly jitter: number
}

/** A delivery is given up this long after its slot. */
export const GIVE_UP_HOURS = 48
/** Retries that were deferred together are spread over this fraction of the wait. */
const SPREAD = 0.5

/**
 * When a delivery that was deferred is tried again: after a wait that grows with each attempt, and up to half of it more
 * by jitter. Null when that would be later than 48 hours after its slot: it is given up.
 */
export function computeRetryAt(attempt: Attempt, backoff: Backoff, now: Temporal.Instant): Temporal.Instant | null {
  const minutes = Math.min(backoff.first * backoff.growth ** (attempt.attempts - 1), backoff.longest)
  const at = now.add({ seconds: Math.round(minutes * 60 * (1 + attempt.jitter * SPREAD)) })
  const end = attempt.giveUpFrom.add({ hours: GIVE_UP_HOURS })
  return at.epochMilliseconds > end.epochMilliseconds ? null : at
}
