import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { retryTransient } from '../db/transient.ts'
import type { Logger } from '../log.ts'
import { type Claimed, claimDue, type SkipReason } from './claim.ts'
import { DATABASE_AWAY_MS, type HeldBatch, HeldBatches } from './held-batches.ts'
import { type CheckedAction, ReaderCheck } from './reader-check.ts'

/** Hands claimed deliveries to connections, one batch after another, and keeps the leases alive. */
export type DeliveryQueue = {
  /** The next delivery to send, or null when nothing more is due or the sending is stopped. */
  readonly next: () => Promise<Claimed | null>
  /** Why its reader is skipped, or null, as far as is known. */
  readonly whySkip: (claimed: Claimed) => Promise<SkipReason | null>
  /**
   * Ends its message by calling `act` at once, if at this moment its reader may be mailed, its batch is still this worker's and
   * the sending is not stopped; `value` is null where it is not ended for a reason other than the reader's.
   */
  readonly endIfAllowed: <T>(claimed: Claimed, act: () => T) => Promise<CheckedAction<T | null>>
  /** The delivery's outcome is recorded. */
  readonly done: (claimed: Claimed) => Promise<void>
  /** The delivery's message was not ended: another connection sends it, or it goes back to the queue as never tried. */
  readonly giveBack: (claimed: Claimed) => Promise<void>
  /** Gives back what was claimed and is not being sent. */
  readonly close: () => Promise<void>
}

/** Deliveries claimed at once; a worker's connections send them within the second for which a check of their readers is valid. */
const CHUNK = 50

/** Opens the queue of one worker; `editionId` limits it to one edition, and nothing is claimed once `signal` is aborted. */
export function openDeliveryQueue(
  db: Database,
  owner: string,
  editionId: number | null,
  clock: Clock,
  signal: AbortSignal,
  log: Logger,
): DeliveryQueue {
  const batches = new HeldBatches(db, owner, clock, log)
  const claims = new Claims(db, batches, editionId, clock, signal)
  const check = new ReaderCheck(db, clock, log, () => claims.ready)
  claims.onClaimed = (claimed, askedMs) => check.note(claimed, askedMs)

  /** Reads again the readers of what is claimed; useless where the database is slow: then each is read at the end of its message. */
  let refreshing: Promise<void> | null = null
  const refresh = (first: Claimed) => {
    refreshing ??= check.refresh(first).finally(() => {
      refreshing = null
    })
    return refreshing
  }

  return {
    next: async () => {
      while (!signal.aborted) {
        const [first] = claims.ready
        if (first === undefined) {
          if (!(await claims.refill())) return null
        } else if (check.isStale(first) && !check.isSlow) await refresh(first)
        else return claims.shift()
      }
      return null
    },
    whySkip: (claimed) => check.whySkip(claimed),
    endIfAllowed: (claimed, act) =>
      check.ifAllowed(claimed, () => {
        if (signal.aborted || !batches.holds(claimed.lease)) return null
        batches.begin(claimed)
        return act()
      }),
    done: (claimed) => batches.release(claimed),
    giveBack: async (claimed) => {
      if (signal.aborted || !batches.holds(claimed.lease)) await batches.release(claimed)
      else claims.ready.unshift(claimed)
    },
    close: async () => {
      await claims.whenIdle()
      await batches.close()
      check.logSlowAnswers()
    },
  }
}

/** Claims deliveries ahead of need, of one batch after another. */
class Claims {
  /** Claimed and not yet handed out, oldest first. */
  readonly ready: Claimed[] = []
  onClaimed: (claimed: readonly Claimed[], askedMs: number) => void = () => {}
  readonly #db: Database
  readonly #batches: HeldBatches
  readonly #editionId: number | null
  readonly #clock: Clock
  readonly #signal: AbortSignal
  #current: HeldBatch | null = null
  #refilling: Promise<void> | null = null
  /** There was no batch to lease when last asked. */
  #isDry = false

  constructor(db: Database, batches: HeldBatches, editionId: number | null, clock: Clock, signal: AbortSignal) {
    this.#db = db
    this.#batches = batches
    this.#editionId = editionId
    this.#clock = clock
    this.#signal = signal
  }

  /** Removes and returns the oldest, and claims more ahead of need. */
  shift(): Claimed | null {
    const first = this.ready.shift() ?? null
    if (this.ready.length < CHUNK / 2 && !this.#isDry) void this.#startRefill()
    return first
  }

  /** Claims more; resolves with whether there may be some. */
  async refill(): Promise<boolean> {
    const begunBefore = this.#refilling !== null
    await this.#startRefill()
    // That claim may have begun just before a delivery of this very connection was requeued.
    if (begunBefore && this.ready.length === 0) await this.#startRefill()
    return this.ready.length > 0 || this.#current !== null
  }

  /** Waits for the claim under way. */
  async whenIdle(): Promise<void> {
    await this.#refilling?.catch(() => {})
  }

  /** One at a time. Claiming ahead does not wait for it; a failure is met again by the next call that does. */
  #startRefill(): Promise<void> {
    if (this.#refilling !== null) return this.#refilling
    const started = this.#refill().finally(() => {
      this.#refilling = null
    })
    started.catch(() => {})
    this.#refilling = started
    return started
  }

  /** Claims another chunk, of the next batch where one has nothing due any more or its lease is lost. */
  async #refill(): Promise<void> {
    while (!this.#signal.aborted) {
      this.#current ??= await this.#repeat(() => this.#batches.take(this.#editionId))
      const current = this.#current
      this.#isDry = current === null
      if (current === null) return
      const claimed = this.#batches.holds(current.lease) ? await this.#repeat(() => this.#claim(current)) : []
      if (claimed.length > 0) return
      current.drained = true
      this.#current = null
      await this.#batches.endIfDone(current)
    }
  }

  async #claim(current: HeldBatch): Promise<readonly Claimed[]> {
    const askedMs = this.#clock.monotonicMs()
    const claimed = await claimDue(this.#db, current.lease, CHUNK, this.#clock.now())
    this.onClaimed(claimed, askedMs)
    this.ready.push(...claimed)
    current.open += claimed.length
    return claimed
  }

  #repeat<T>(work: () => Promise<T>): Promise<T> {
    return retryTransient(this.#clock, work, { signal: this.#signal, forMs: DATABASE_AWAY_MS })
  }
}
