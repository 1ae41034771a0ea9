import { type Clock, sleep, type Temporal } from '../../src/clock.ts'

/** A clock moved by hand: it stands still until told otherwise. */
export type HandClock = Clock & { readonly advance: (duration: Temporal.DurationLike) => void }

/** Starts a clock at `start`; its monotonic side goes along, and who sleeps waits by the machine's timer. */
export function handClock(start: Temporal.Instant): HandClock {
  let now = start
  return {
    now: () => now,
    monotonicMs: () => now.epochMilliseconds,
    sleep,
    advance: (duration) => {
      now = now.add(duration)
    },
  }
}
