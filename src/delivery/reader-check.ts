import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { retryTransient } from '../db/transient.ts'
import type { Logger } from '../log.ts'
import { type Claimed, recheck, type SkipReason } from './claim.ts'
import { DATABASE_AWAY_MS } from './held-batches.ts'

/** A reader's state older than this is read again before the message is sent. */
export const FRESH_MS = 1000

/** Why the reader is skipped, or the value of the action that was allowed. */
export type CheckedAction<T> = { readonly skipReason: SkipReason } | { readonly skipReason: null; readonly value: T }

/** What was last read of a reader, and when the query began. */
type Known = { readonly askedMs: number; readonly skipReason: SkipReason | null }
type Waiting = {
  readonly claimed: Claimed
  readonly act: (skipReason: SkipReason | null) => void
  readonly fail: (error: unknown) => void
}

/**
 * Checks that readers may be mailed, as of at most a second ago. A database that takes longer than that to answer cannot
 * guarantee it: then messages are ended while their readers' subscriptions are locked, so that no reader can unsubscribe in
 * between.
 */
export class ReaderCheck {
  readonly #known = new WeakMap<Claimed, Known>()
  readonly #db: Database
  readonly #clock: Clock
  readonly #log: Logger
  /** The deliveries read again along with a stale one: all that are claimed and not yet begun. */
  readonly #others: () => readonly Claimed[]
  /** How many answers arrived too late to be used. */
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

  /** Whether the database answers too slowly for the answers to be used. */
  get isSlow(): boolean {
    return this.#isSlow
  }

  /** Notes the readers' state as a claim returned it, and how long that took. */
  note(claimed: readonly Claimed[], askedMs: number): void {
    for (const one of claimed) this.#known.set(one, { askedMs, skipReason: one.skip })
    this.#measure(askedMs)
  }

  /** Whether the reader, who may be mailed as far as is known, must be read again. */
  isStale(claimed: Claimed): boolean {
    const known = this.#known.get(claimed)
    return known === undefined || (known.skipReason === null && this.#clock.monotonicMs() - known.askedMs > FRESH_MS)
  }

  /** Reads again the reader and all that are claimed and not yet begun. */
  async refresh(claimed: Claimed): Promise<void> {
    const readers = [...new Set([claimed, ...this.#others()])]
    const read = async () => {
      const askedMs = this.#clock.monotonicMs()
      this.#learn(readers, await recheck(this.#db, readers), askedMs)
    }
    await retryTransient(this.#clock, read, { forMs: DATABASE_AWAY_MS })
  }

  /** Why the reader is skipped, or null, as far as is known; read again first if that is stale, unless the database is slow. */
  async whySkip(claimed: Claimed): Promise<SkipReason | null> {
    if (this.isStale(claimed) && !this.#isSlow) await this.refresh(claimed)
    return this.#known.get(claimed)?.skipReason ?? null
  }

  /** Calls `act` synchronously with the check, if the reader may be mailed at that moment. */
  async ifAllowed<T>(claimed: Claimed, act: () => T): Promise<CheckedAction<T>> {
    const skipReason = await this.whySkip(claimed)
    if (skipReason !== null) return { skipReason }
    if (!this.isStale(claimed)) return { skipReason, value: act() }
    return new Promise((resolve, reject) => {
      const decide = (skipReason: SkipReason | null) =>
        resolve(skipReason === null ? { skipReason, value: act() } : { skipReason })
      this.#waiting.push({ claimed, act: decide, fail: reject })
      void this.#lockWaiting()
    })
  }

  /** Logs how often the database was too slow, if it was. */
  logSlowAnswers(): void {
    if (this.#late > 0) this.#log.info({ lateAnswers: this.#late }, 'database.slow_answers')
  }

  /** One query at a time serves all that wait for it; the next need not wait until its transaction has ended. */
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

  #learn(readers: readonly Claimed[], skipReasons: ReadonlyMap<number, SkipReason>, askedMs: number): void {
    for (const one of readers)
      this.#known.set(one, { askedMs, skipReason: skipReasons.get(one.subscriptionId) ?? null })
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
