import type { Clock } from '../../clock.ts'

/** A connection's place: at work, looking for work after a rest, resting, or gone for good. */
export type Seat = { state: 'working' | 'looking' | 'resting' | 'gone' }

const LOOK_AGAIN_MS = 1000

/**
 * Keeps connections that found nothing to send waiting while others are still sending: one message that hangs in a relay for
 * minutes would else keep its worker from all that becomes due meanwhile. Once nobody is at work, nobody looks again.
 */
export class IdleTracker {
  readonly #clock: Clock
  readonly #over = new AbortController()
  readonly #end: AbortSignal
  readonly #counts = { working: 0, looking: 0, resting: 0, gone: 0 }

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock
    this.#end = AbortSignal.any([signal, this.#over.signal])
  }

  /** How many connections are at work. */
  get working(): number {
    return this.#counts.working
  }

  /** A place for another connection, which is at work until it waits. */
  join(): Seat {
    this.#counts.working += 1
    return { state: 'working' }
  }

  /** Waits a second; then whether to look again: not once no connection is at work any more, or all are stopped. */
  async wait(seat: Seat): Promise<boolean> {
    this.#move(seat, 'resting')
    do await this.#clock.sleep(LOOK_AGAIN_MS, this.#end)
    while (!this.#end.aborted && this.working === 0)
    if (this.#end.aborted) return false
    this.#move(seat, 'looking')
    return true
  }

  /** The connection found something to send. */
  resume(seat: Seat): void {
    if (seat.state === 'looking') this.#move(seat, 'working')
  }

  /** The connection is gone for good. */
  leave(seat: Seat): void {
    this.#move(seat, 'gone')
  }

  /** Who is looking may yet find something, and is waited for. */
  #move(seat: Seat, state: Seat['state']): void {
    this.#counts[seat.state] -= 1
    this.#counts[state] += 1
    seat.state = state
    if (this.#counts.working === 0 && this.#counts.looking === 0) this.#over.abort()
  }
}
