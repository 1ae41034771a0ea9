import type { Clock } from '../../clock.ts'

/** Where lanes that found nothing to send sit while others are still sending. */
export type Bench = {
  /** How many lanes are not sitting here. */
  readonly working: () => number
  /** Sits down for a second; then whether to look again: not once no lane is working any more, or all are stopped. */
  readonly sit: () => Promise<boolean>
  /** The lane is gone for good. */
  readonly leave: () => void
}

const LOOK_AGAIN_MS = 1000

/**
 * Opens the bench of so many lanes. One message that hangs in a relay for minutes would else keep its worker from all
 * that becomes due meanwhile.
 */
export function openBench(lanes: number, clock: Clock, signal: AbortSignal): Bench {
  const over = new AbortController()
  const end = AbortSignal.any([signal, over.signal])
  let working = lanes
  const leave = () => {
    working -= 1
    if (working === 0) over.abort()
  }
  return {
    working: () => working,
    sit: async () => {
      leave()
      await clock.sleep(LOOK_AGAIN_MS, end)
      working += 1
      return !end.aborted
    },
    leave,
  }
}
