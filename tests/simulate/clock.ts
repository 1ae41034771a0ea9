import { type Clock, Temporal } from '../../src/clock.ts'

/** The clock of the simulated world, in milliseconds: the wall's may be set, the other only goes on. */
export type WorldClock = Clock & {
  readonly wallMs: () => number
  readonly trueMs: () => number
  /** Time goes by, on both. */
  readonly pass: (ms: number) => void
  /** Somebody sets the wall clock: forward, or back. */
  readonly set: (byMs: number) => void
}

/** Starts the world's clock. */
export function startClock(startMs: number): WorldClock {
  let passedMs = 0
  let setMs = 0
  return {
    now: () => Temporal.Instant.fromEpochMilliseconds(startMs + passedMs + setMs),
    monotonicMs: () => passedMs,
    /** The world's own code never waits. */
    sleep: async () => {},
    wallMs: () => startMs + passedMs + setMs,
    trueMs: () => passedMs,
    pass: (ms) => {
      passedMs += ms
    },
    set: (byMs) => {
      setMs += byMs
    },
  }
}
