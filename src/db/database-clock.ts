import { type Clock, Temporal } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Database } from './client.ts'

/** Of several answers the quickest tells the time best. */
const QUESTIONS = 3
/** A difference that may come from the way to the database and back. */
const LEAST_DIFFERENCE_MS = 20

const ALIGN_EVERY_MS = 30_000
/** A machine that slept, or whose clock was set, asks at once: its monotonic clock may have stood still. */
const WATCH_EVERY_MS = 1_000
/** Less is of no account to anybody. */
const LEAST_OFFSET_MS = 2_000

/**
 * A clock that goes by the database's once it has asked it: machines whose own clocks differ agree on what is due and on when
 * a lease ends. Between two questions it goes by this machine's monotonic clock, so that setting the machine's clock
 * changes nothing.
 */
export class DatabaseClock implements Clock {
  readonly #local: Clock
  /** What the database's clock said when the monotonic one said what; null until it was asked. */
  #known: { readonly at: Temporal.Instant; readonly ms: number } | null = null
  /** How far the machine's clock was ahead of its monotonic one when the database was asked. */
  #aheadMs = 0

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
      const at = await this.ask(db)
      const tookMs = this.monotonicMs() - askedMs
      if (tookMs >= quickest) continue
      quickest = tookMs
      found = { at, ms: askedMs + tookMs / 2 }
    }
    this.#aheadMs = this.#localAheadMs()
    const localMs = this.#aheadMs + found.ms
    if (this.#differs(found, quickest)) this.#known = found
    return Math.round(localMs - found.at.epochMilliseconds)
  }

  /**
   * How far the machine's clock has moved against its monotonic one since the database was asked, in milliseconds: it was set,
   * or the machine slept, during which a monotonic clock may stand still.
   */
  movedMs(): number {
    return Math.abs(this.#localAheadMs() - this.#aheadMs)
  }

  /** What the database's clock says. */
  async ask(db: Database): Promise<Temporal.Instant> {
    const { rows } = await db.execute<{ database_ms: string | number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::bigint as database_ms',
    )
    return Temporal.Instant.fromEpochMilliseconds(Number(rows[0]?.database_ms))
  }

  #localAheadMs(): number {
    return this.#local.now().epochMilliseconds - this.monotonicMs()
  }

  /** It does not go back and forth with the time that answers take. */
  #differs({ at, ms }: { readonly at: Temporal.Instant; readonly ms: number }, tookMs: number): boolean {
    if (this.#known === null) return true
    const expectedMs = this.#known.at.epochMilliseconds + (ms - this.#known.ms)
    return Math.abs(at.epochMilliseconds - expectedMs) > Math.max(LEAST_DIFFERENCE_MS, tookMs)
  }
}

/**
 * Lets a clock go by the database's: asks it now, which is waited for, and again every 30 s until the signal, since it, too,
 * may be set. `clock.off` says once how far this machine's clock is off, unless `log` is null.
 */
export async function keepAligned(
  clock: DatabaseClock,
  db: Database,
  log: Logger | null,
  signal: AbortSignal,
): Promise<void> {
  let saidMs = 0
  let askedMs = 0
  const align = async () => {
    askedMs = clock.monotonicMs()
    const offsetMs = await clock.align(db)
    if (Math.abs(offsetMs - saidMs) <= LEAST_OFFSET_MS) return
    saidMs = offsetMs
    log?.warn({ offsetMs }, 'clock.off')
  }
  await align()
  void watch()

  async function watch(): Promise<void> {
    for (;;) {
      await clock.sleep(WATCH_EVERY_MS, signal)
      if (signal.aborted) return
      const isDue = clock.monotonicMs() - askedMs >= ALIGN_EVERY_MS || clock.movedMs() > LEAST_OFFSET_MS
      // While the database does not answer, the time goes on as before.
      if (isDue) await align().catch(() => {})
    }
  }
}
