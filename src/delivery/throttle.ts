import type { Clock } from '../clock.ts'

/** Resolves when the next message may go, or at once when the sending is stopped. */
export type Throttle = () => Promise<void>

/** Lets `rate` messages a second through, evenly; null lets through all. A message takes its place before it waits. */
export function openThrottle(rate: number | null, clock: Clock, signal: AbortSignal): Throttle {
  if (rate === null) return async () => {}
  let nextMs = clock.monotonicMs()
  return async () => {
    const nowMs = clock.monotonicMs()
    const mineMs = Math.max(nextMs, nowMs)
    nextMs = mineMs + 1000 / rate
    if (mineMs > nowMs) await clock.sleep(mineMs - nowMs, signal)
  }
}
