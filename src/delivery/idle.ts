import type { Clock } from '../clock.ts'

/** A connection's place: at work, looking for work after a rest, resting, or gone for good. */
export type IdleState = {
  state: 'working' | 'looking' | 'resting' | 'gone'
  /** How much had been put back when it last looked for work. */
  seen: number
}

const LOOK_AGAIN_MS = 1000

/**
 * Keeps connections that found nothing to send waiting while others are still sending: one message that hangs in a relay for
 * minutes would else keep its worker from all that becomes due meanwhile. Once nobody is at work, nobody looks again.
 */
export class IdleTracker {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #counts = { working: 0, looking: 0, resting: 0, gone: 0 }
  /** How many connections left without having sent what they had taken. */
  #putBack = 0
  #waking = new AbortController()

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
  }

  /** How many connections are at work. */
  get working(): number {
    return this.#counts.working
  }

  /** A place for another connection, which is at work until it waits. */
  join(): IdleState {
    this.#counts.working += 1
    return { state: 'working', seen: this.#putBack }
  }

  /** To be called before the connection looks for work: it finds all that was put back until then. */
  look(seat: IdleState): void {
    seat.seen = this.#putBack
  }

  /** Waits a second; then whether to look again: not once no connection is at work any more, or all are stopped. */
  async wait(seat: IdleState): Promise<boolean> {
    this.#move(seat, 'resting')
    for (;;) {
      if (seat.seen === this.#putBack && !this.#isOver)
        await this.#clock.sleep(LOOK_AGAIN_MS, AbortSignal.any([this.#signal, this.#waking.signal]))
      if (this.#signal.aborted) return false
      if (seat.seen !== this.#putBack || this.working > 0) break
      if (this.#isOver) return false
    }
    this.#move(seat, 'looking')
    return true
  }

  /** The connection found something to send. */
  resume(seat: IdleState): void {
    if (seat.state === 'looking') this.#move(seat, 'working')
  }

  /** The connection is gone for good; `hasPutBack`: what it had taken is due again, and the others look for it at once. */
  leave(seat: IdleState, hasPutBack: boolean): void {
    if (hasPutBack) this.#putBack += 1
    this.#move(seat, 'gone')
    if (hasPutBack) this.#wake()
  }

  /** Who is looking may yet find something, and is waited for. */
  get #isOver(): boolean {
    return this.#counts.working === 0 && this.#counts.looking === 0
  }

  #move(seat: IdleState, state: IdleState['state']): void {
    this.#counts[seat.state] -= 1
    this.#counts[state] += 1
    seat.state = state
    if (this.#isOver) this.#wake()
  }

  #wake(): void {
    this.#waking.abort()
    this.#waking = new AbortController()
  }
}
