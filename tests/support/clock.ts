import { type Clock, sleep, systemClock, Temporal } from '../../src/clock.ts'

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

/** A clock that runs `pace` times as fast as the machine's, sleep and all, and may be moved on by hand. */
export type FastClock = Clock & { readonly skip: (duration: Temporal.DurationLike) => void }

/** Starts it at `start`. */
export function fastClock(start: Temporal.Instant, pace: number): FastClock {
  const startedMs = systemClock.monotonicMs()
  let skippedMs = 0
  const passedMs = () => (systemClock.monotonicMs() - startedMs) * pace + skippedMs
  return {
    now: () => start.add({ milliseconds: Math.floor(passedMs()) }),
    monotonicMs: passedMs,
    sleep: (ms, signal) => sleep(ms / pace, signal),
    skip: (duration) => {
      skippedMs += Temporal.Duration.from(duration).total('milliseconds')
    },
  }
}
