import { Temporal } from '../../clock.ts'

/** Opt-in mails to one address until the limits get stricter, the reminder included; a confirmation begins anew. */
export const MOST_OPT_INS = 5
const HOUR = { hours: 1 }
const DAY = { hours: 24 }
const MOST_A_DAY = 3
/** A mail that would wait longer is not queued: nobody, by asking again and again, puts off the mails of others for days. */
export const LONGEST_WAIT_HOURS = 24

/**
 * When the next opt-in mail may go to an address that got, or will get, mails at `earlier`: at most one in any hour and three
 * in any 24; after five without an answer one in any 24. Null where that is more than 24 hours away, so that whoever keeps
 * asking for another's address locks its owner out for no longer than a day.
 */
export function findFirstAllowed(earlier: readonly Temporal.Instant[], now: Temporal.Instant): Temporal.Instant | null {
  const newestFirst = earlier.toSorted(Temporal.Instant.compare).toReversed()
  const mostADay = earlier.length < MOST_OPT_INS ? MOST_A_DAY : 1
  const bounds = [now, newestFirst[0]?.add(HOUR), newestFirst[mostADay - 1]?.add(DAY)]
  const dueAt = bounds.filter((bound) => bound !== undefined).reduce(later)
  return Temporal.Instant.compare(dueAt, now.add({ hours: LONGEST_WAIT_HOURS })) > 0 ? null : dueAt
}

function later(one: Temporal.Instant, other: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.compare(one, other) > 0 ? one : other
}
