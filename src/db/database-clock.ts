import { sql } from 'drizzle-orm'
import { type Clock, Temporal } from '../clock.ts'
import type { Database } from './client.ts'

/** Of several answers the quickest tells the time best. */
const QUESTIONS = 3
/** A difference that may come from the way to the database and back. */
const LEAST_DIFFERENCE_MS = 20

/**
 * A clock that goes by the database's once it has asked it: machines whose own clocks differ agree on what is due and on when
 * a lease ends. Between two questions it goes by this machine's monotonic clock, so that setting the machine's clock
 * changes nothing.
 */
export class DatabaseClock implements Clock {
  readonly #local: Clock
  /** What the database's clock said when the monotonic one said what; null until it was asked. */
  #known: { readonly at: Temporal.Instant; readonly ms: number } | null = null

  constructor(local: Clock) {
    this.#local = local
  }

  readonly now = (): Temporal.Instant => {
    if (this.#known === null) return this.#local.now()
    return this.#known.at.add({ milliseconds: Math.round(this.monotonicMs() - this.#known.ms) })
  }

  readonly monotonicMs = (): number => this.#local.monotonicMs()

  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> => this.#local.sleep(ms, signal)

  /** Asks the database for its time and goes by it from now on; returns how far this machine's clock is ahead of it, in milliseconds. */
  async align(db: Database): Promise<number> {
    let quickest = Number.POSITIVE_INFINITY
    let found = { at: this.now(), ms: this.monotonicMs() }
    for (let question = 0; question < QUESTIONS; question += 1) {
      const askedMs = this.monotonicMs()
      const { rows } = await db.execute<{ database_ms: number }>(
        sql`select (extract(epoch from clock_timestamp()) * 1000)::bigint as database_ms`,
      )
      const tookMs = this.monotonicMs() - askedMs
      if (tookMs >= quickest) continue
      quickest = tookMs
      found = {
        at: Temporal.Instant.fromEpochMilliseconds(rows[0]?.database_ms ?? 0),
        ms: askedMs + tookMs / 2,
      }
    }
    const localMs = this.#local.now().epochMilliseconds - (this.monotonicMs() - found.ms)
    if (this.#differs(found, quickest)) this.#known = found
    return Math.round(localMs - found.at.epochMilliseconds)
  }

  /** It does not go back and forth with the time that answers take. */
  #differs({ at, ms }: { readonly at: Temporal.Instant; readonly ms: number }, tookMs: number): boolean {
    if (this.#known === null) return true
    const expectedMs = this.#known.at.epochMilliseconds + (ms - this.#known.ms)
    return Math.abs(at.epochMilliseconds - expectedMs) > Math.max(LEAST_DIFFERENCE_MS, tookMs)
  }
}
