import { Temporal } from 'temporal-polyfill'

export { Temporal }

/** The only door to the current time: `now` for instants in rows and rules, `monotonicMs` for leases and timeouts. */
export type Clock = {
  readonly now: () => Temporal.Instant
  /** Milliseconds that never jump, from an arbitrary start. */
  readonly monotonicMs: () => number
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Temporal.Instant.fromEpochMilliseconds(Date.now()),
  monotonicMs: () => performance.now(),
}

/** A clock that says `start` now and runs on at the machine's pace (for `--now`). */
export function clockFrom(start: Temporal.Instant): Clock {
  const startedMs = performance.now()
  return {
    now: () => start.add({ milliseconds: Math.round(performance.now() - startedMs) }),
    monotonicMs: () => performance.now(),
  }
}
