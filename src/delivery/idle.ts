import type { Clock } from '../clock.ts'

/** A connection's place: at work, looking for work after a rest, resting, or gone for good. */
export type IdleState = {
  phase: 'working' | 'looking' | 'resting' | 'gone'
  /** How much had been requeued when it last looked for work. */
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
  #requeued = 0
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
    return { phase: 'working', seen: this.#requeued }
  }

  /** To be called before the connection looks for work: it finds all that was requeued until then. */
  startSearch(state: IdleState): void {
    state.seen = this.#requeued
  }

  /** Waits a second; then whether to look again: not once no connection is at work any more, or all are stopped. */
  async wait(state: IdleState): Promise<boolean> {
    this.#move(state, 'resting')
    for (;;) {
      if (state.seen === this.#requeued && !this.#isOver)
        await this.#clock.sleep(LOOK_AGAIN_MS, AbortSignal.any([this.#signal, this.#waking.signal]))
      if (this.#signal.aborted) return false
      if (state.seen !== this.#requeued || this.working > 0) break
      if (this.#isOver) return false
    }
    this.#move(state, 'looking')
    return true
  }

  /** The connection found something to send. */
  resume(state: IdleState): void {
    if (state.phase === 'looking') this.#move(state, 'working')
  }

  /** The connection is gone for good; `hasRequeued`: what it had taken is due again, and the others look for it at once. */
  leave(state: IdleState, hasRequeued: boolean): void {
    if (hasRequeued) this.#requeued += 1
    this.#move(state, 'gone')
    if (hasRequeued) this.#wake()
  }

  /** Who is looking may yet find something, and is waited for. */
  get #isOver(): boolean {
    return this.#counts.working === 0 && this.#counts.looking === 0
  }

  #move(state: IdleState, phase: IdleState['phase']): void {
    this.#counts[state.phase] -= 1
    this.#counts[phase] += 1
    state.phase = phase
    if (this.#isOver) this.#wake()
  }

  #wake(): void {
    this.#waking.abort()
    this.#waking = new AbortController()
  }
}
