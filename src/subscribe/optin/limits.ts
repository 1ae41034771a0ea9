import { Temporal } from '../../clock.ts'

/** Opt-in mails to one address between two confirmations, the reminder included. */
export const MOST_OPT_INS = 5
const HOUR = { hours: 1 }
const DAY = { hours: 24 }
const MOST_A_DAY = 3
/** No mail waits longer than until a day after the last, which may itself have waited a day. */
export const LONGEST_WAIT_HOURS = 48

/**
 * When the next opt-in mail may go to an address that got, or will get, mails at `earlier`: at most one in any hour,
 * three in any 24, five in all; null when those are spent.
 */
export function findFirstAllowed(earlier: readonly Temporal.Instant[], now: Temporal.Instant): Temporal.Instant | null {
  if (earlier.length >= MOST_OPT_INS) return null
  const newestFirst = earlier.toSorted(Temporal.Instant.compare).toReversed()
  const bounds = [now, newestFirst[0]?.add(HOUR), newestFirst[MOST_A_DAY - 1]?.add(DAY)]
  return bounds.filter((bound) => bound !== undefined).reduce(later)
}

function later(one: Temporal.Instant, other: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.compare(one, other) > 0 ? one : other
}
