import type { Clock } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { HEARTBEAT_MS, LEASE_SECONDS, MARGIN_MS } from '../lease.ts'
import { FRESH_MS } from '../reader-check.ts'
import { type ClaimedNotice, claimNotices, extendNotices, giveBackLost, makeToken } from './claim-notices.ts'

type Held = { readonly claimedMs: number; validUntilMs: number }

/** The notices that the connections of one sending have claimed; keeps their leases alive until it is closed. */
export class HeldNotices {
  readonly #held = new Map<ClaimedNotice, Held>()
  readonly #closing = new AbortController()
  readonly #db: Database
  readonly #clock: Clock

  constructor(db: Database, clock: Clock) {
    this.#db = db
    this.#clock = clock
    void this.#beat()
  }

  /**
   * Returns a function that claims the next due notice, or null, and may be repeated: what was claimed by a statement whose
   * answer was lost is given back first, as never tried.
   */
  claimer(): () => Promise<ClaimedNotice | null> {
    let lost: number | null = null
    return async () => {
      if (lost !== null) await giveBackLost(this.#db, lost)
      const [askedMs, now] = [this.#clock.monotonicMs(), this.#clock.now()]
      const token = makeToken()
      lost = token
      const mine = [...this.#held.keys()].map(({ id }) => id)
      const [notice = null] = await claimNotices(this.#db, 1, now, token, mine)
      lost = null
      if (notice !== null) this.#held.set(notice, { claimedMs: askedMs, validUntilMs: askedMs + LEASE_SECONDS * 1000 })
      return notice
    }
  }

  drop(notice: ClaimedNotice): void {
    this.#held.delete(notice)
  }

  /** Whether it is surely still this worker's. */
  holds(notice: ClaimedNotice): boolean {
    return this.#clock.monotonicMs() < (this.#held.get(notice)?.validUntilMs ?? 0) - MARGIN_MS
  }

  /** Whether its reader's consent was read too long ago. */
  isOld(notice: ClaimedNotice): boolean {
    return this.#clock.monotonicMs() - (this.#held.get(notice)?.claimedMs ?? 0) > FRESH_MS
  }

  close(): void {
    this.#closing.abort()
  }

  async #beat(): Promise<void> {
    for (;;) {
      await this.#clock.sleep(HEARTBEAT_MS, this.#closing.signal)
      if (this.#closing.signal.aborted) return
      const notices = [...this.#held.keys()]
      if (notices.length === 0) continue
      const askedMs = this.#clock.monotonicMs()
      // A database that is away extends nothing: the leases end by themselves.
      const still = await extendNotices(this.#db, notices, this.#clock.now()).catch(() => new Set<number>())
      for (const [notice, held] of this.#held)
        if (notices.includes(notice) && still.has(notice.id)) held.validUntilMs = askedMs + LEASE_SECONDS * 1000
    }
  }
}
