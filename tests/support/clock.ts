import type { Clock, Temporal } from '../../src/clock.ts'

/** A clock moved by hand: it stands still until told otherwise. */
export type HandClock = Clock & { readonly advance: (duration: Temporal.DurationLike) => void }

/** Starts a clock at `start`; its monotonic side goes along. */
export function handClock(start: Temporal.Instant): HandClock {
  let now = start
  return {
    now: () => now,
    monotonicMs: () => now.epochMilliseconds,
    advance: (duration) => {
      now = now.add(duration)
    },
  }
}
