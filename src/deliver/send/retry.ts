import type { Temporal } from '../../clock.ts'

/** How a delivery stood when it was tried. */
export type Attempt = {
  /** This one included. */
  readonly attempts: number
  readonly editionAt: Temporal.Instant
  /** From 0 to 1, spreads the retries. */
  readonly jitter: number
}

/** A delivery is given up this long after its slot. */
export const GIVE_UP_HOURS = 48
const FIRST_WAIT_MINUTES = 5
const LONGEST_WAIT_MINUTES = 240

/** When a delivery that was deferred is tried again: after a wait that doubles each time. Null when it is given up. */
export function nextTry(attempt: Attempt, now: Temporal.Instant): Temporal.Instant | null {
  const minutes = Math.min(FIRST_WAIT_MINUTES * 2 ** (attempt.attempts - 1), LONGEST_WAIT_MINUTES)
  const at = now.add({ seconds: Math.round(minutes * 60 * (1 + attempt.jitter / 4)) })
  const end = attempt.editionAt.add({ hours: GIVE_UP_HOURS })
  return at.epochMilliseconds > end.epochMilliseconds ? null : at
}
