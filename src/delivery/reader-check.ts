import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { retryTransient } from '../db/transient.ts'
import type { Logger } from '../log.ts'
import { type Claimed, recheck, type SkipReason } from './claim.ts'
import { DATABASE_AWAY_MS } from './held-batches.ts'

/** Older than this, what is known of a reader does not count: it is looked up again before the message goes out. */
export const FRESH_MS = 1000

/** Why the reader may get nothing, or what came of doing what they may get. */
export type CheckedAction<T> = { readonly refusal: SkipReason } | { readonly refusal: null; readonly value: T }

/** What was last heard of a reader, and when it was asked for. */
type Known = { readonly askedMs: number; readonly skipReason: SkipReason | null }
type Waiting = {
  readonly claimed: Claimed
  readonly act: (refusal: SkipReason | null) => void
  readonly fail: (error: unknown) => void
}

/**
 * Whether readers may be mailed, at most a second ago. A database that takes longer than that to answer cannot say so: then
 * messages are ended while their readers' subscriptions are locked, so that nobody can unsubscribe in between.
 */
export class ReaderCheck {
  readonly #known = new WeakMap<Claimed, Known>()
  readonly #db: Database
  readonly #clock: Clock
  readonly #log: Logger
  /** Who is looked up along with a reader: all that wait for their turn. */
  readonly #others: () => readonly Claimed[]
  /** How many answers in all came too late to count. */
  #late = 0
  #isSlow = false
  #waiting: Waiting[] = []
  #locking = false

  constructor(db: Database, clock: Clock, log: Logger, others: () => readonly Claimed[]) {
    this.#db = db
    this.#clock = clock
    this.#log = log
    this.#others = others
  }

  /** The answers of the database come too late to count. */
  get isSlow(): boolean {
    return this.#isSlow
  }

  /** Notes what a claim has told of these readers, and how long that took. */
  note(claimed: readonly Claimed[], askedMs: number): void {
    for (const one of claimed) this.#known.set(one, { askedMs, skipReason: one.skip })
    this.#measure(askedMs)
  }

  /** Whether the reader, who may be mailed as far as is known, must be looked up again. */
  isStale(claimed: Claimed): boolean {
    const known = this.#known.get(claimed)
    return known === undefined || (known.skipReason === null && this.#clock.monotonicMs() - known.askedMs > FRESH_MS)
  }

  /** Looks up again the reader and all that wait for their turn. */
  async refresh(claimed: Claimed): Promise<void> {
    const readers = [...new Set([claimed, ...this.#others()])]
    const look = async () => {
      const askedMs = this.#clock.monotonicMs()
      this.#learn(readers, await recheck(this.#db, readers), askedMs)
    }
    await retryTransient(this.#clock, look, { forMs: DATABASE_AWAY_MS })
  }

  /** Why the reader may get nothing, or null, as far as is known: after a look that is fresh, or came too late to count. */
  async whySkip(claimed: Claimed): Promise<SkipReason | null> {
    if (this.isStale(claimed) && !this.#isSlow) await this.refresh(claimed)
    return this.#known.get(claimed)?.skipReason ?? null
  }

  /** Does what the reader may get, at once, if they may get it at this moment. */
  async ifAllowed<T>(claimed: Claimed, act: () => T): Promise<CheckedAction<T>> {
    const refusal = await this.whySkip(claimed)
    if (refusal !== null) return { refusal }
    if (!this.isStale(claimed)) return { refusal, value: act() }
    return new Promise((resolve, reject) => {
      const decide = (refusal: SkipReason | null) => resolve(refusal === null ? { refusal, value: act() } : { refusal })
      this.#waiting.push({ claimed, act: decide, fail: reject })
      void this.#lockWaiting()
    })
  }

  /** Says how often the database was too slow, if it was. */
  logSlowAnswers(): void {
    if (this.#late > 0) this.#log.info({ lateAnswers: this.#late }, 'database.slow_answers')
  }

  /** One look at a time serves all that wait for it; the next need not wait until its transaction has ended. */
  async #lockWaiting(): Promise<void> {
    if (this.#locking) return
    this.#locking = true
    const waiting = this.#waiting.splice(0)
    const decided = new Set<Waiting>()
    try {
      const lock = () =>
        this.#lock(
          waiting.filter((one) => !decided.has(one)),
          decided,
        )
      await retryTransient(this.#clock, lock, { forMs: DATABASE_AWAY_MS })
    } catch (error) {
      for (const one of waiting) if (!decided.has(one)) one.fail(error)
    }
    if (decided.size === 0) this.#next()
  }

  #next(): void {
    this.#locking = false
    if (this.#waiting.length > 0) void this.#lockWaiting()
  }

  async #lock(waiting: readonly Waiting[], decided: Set<Waiting>): Promise<void> {
    if (waiting.length === 0) return
    const readers = waiting.map(({ claimed }) => claimed)
    await this.#db.transaction(async (tx) => {
      const askedMs = this.#clock.monotonicMs()
      this.#learn(readers, await recheck(tx, readers, 'for share'), askedMs)
      for (const one of waiting) {
        decided.add(one)
        one.act(this.#known.get(one.claimed)?.skipReason ?? null)
      }
      this.#next()
    })
  }

  #learn(readers: readonly Claimed[], refusals: ReadonlyMap<number, SkipReason>, askedMs: number): void {
    for (const one of readers) this.#known.set(one, { askedMs, skipReason: refusals.get(one.subscriptionId) ?? null })
    this.#measure(askedMs)
  }

  #measure(askedMs: number): void {
    const tookMs = Math.round(this.#clock.monotonicMs() - askedMs)
    const isLate = tookMs > FRESH_MS
    if (isLate) this.#late += 1
    if (isLate && this.#late === 1) this.#log.warn({ tookMs }, 'database.slow')
    this.#isSlow = isLate
  }
}
