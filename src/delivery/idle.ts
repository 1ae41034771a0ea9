import type { Clock } from '../clock.ts'

/** The state of one connection: working, searching for work after a wait, waiting, or closed. */
export type IdleState = {
  phase: 'working' | 'searching' | 'waiting' | 'closed'
  /** The value of the requeue counter when it last searched for work. */
  seen: number
}

const POLL_MS = 1000

/**
 * Keeps connections that found nothing to send waiting while others are still sending: otherwise one message that hangs in a
 * relay for minutes would keep its worker from everything that becomes due meanwhile. Once none is working, all end.
 */
export class IdleTracker {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #counts = { working: 0, searching: 0, waiting: 0, closed: 0 }
  /** How many connections ended without having sent what they had claimed. */
  #requeued = 0
  #waking = new AbortController()

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
  }

  /** How many connections are working. */
  get working(): number {
    return this.#counts.working
  }

  /** Adds a connection, which is working until it waits. */
  join(): IdleState {
    this.#counts.working += 1
    return { phase: 'working', seen: this.#requeued }
  }

  /** To be called before the connection searches for work, which finds everything requeued until then. */
  startSearch(state: IdleState): void {
    state.seen = this.#requeued
  }

  /** Waits up to a second; resolves with whether to search again: not once no connection is working, or all are stopped. */
  async wait(state: IdleState): Promise<boolean> {
    this.#move(state, 'waiting')
    for (;;) {
      if (state.seen === this.#requeued && !this.#isOver)
        await this.#clock.sleep(POLL_MS, AbortSignal.any([this.#signal, this.#waking.signal]))
      if (this.#signal.aborted) return false
      if (state.seen !== this.#requeued || this.working > 0) break
      if (this.#isOver) return false
    }
    this.#move(state, 'searching')
    return true
  }

  /** The connection found something to send. */
  resume(state: IdleState): void {
    if (state.phase === 'searching') this.#move(state, 'working')
  }

  /** Removes the connection; with `hasRequeued`, what it had claimed is due again and the others search for it at once. */
  leave(state: IdleState, hasRequeued: boolean): void {
    if (hasRequeued) this.#requeued += 1
    this.#move(state, 'closed')
    if (hasRequeued) this.#wake()
  }

  /** A connection that is searching may yet find something, so it is waited for. */
  get #isOver(): boolean {
    return this.#counts.working === 0 && this.#counts.searching === 0
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
