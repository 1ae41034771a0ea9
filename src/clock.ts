import { setTimeout as pause } from 'node:timers/promises'
import { Temporal } from 'temporal-polyfill'

export { Temporal }

/** The only door to time: `now` for instants in rows and rules, `monotonicMs` for leases and timeouts, `sleep` to wait. */
export type Clock = {
  readonly now: () => Temporal.Instant
  /** Milliseconds that never jump, from an arbitrary start. */
  readonly monotonicMs: () => number
  /** Waits so many milliseconds of `monotonicMs`, or until the signal is aborted: a stop never waits for a wait. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}

/** Waits by the machine's timer. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await pause(ms, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
    if (!signal?.aborted) throw error
  })
}

/** Waits for work that never fails, but no longer than `ms`. */
export async function atMost(ms: number, work: Promise<unknown>, clock: Clock): Promise<void> {
  const done = new AbortController()
  await Promise.race([work, clock.sleep(ms, done.signal)])
  done.abort()
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Temporal.Instant.fromEpochMilliseconds(Date.now()),
  monotonicMs: () => performance.now(),
  sleep,
}

/** A clock that says `start` now and runs on at the machine's pace (for `--now`). */
export function clockFrom(start: Temporal.Instant): Clock {
  const startedMs = performance.now()
  return {
    now: () => start.add({ milliseconds: Math.round(performance.now() - startedMs) }),
    monotonicMs: () => performance.now(),
    sleep,
  }
}
