import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { retryTransient } from '../db/transient.ts'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Claimed } from './claim.ts'
import { endLease, extendLeases, HEARTBEAT_MS, LEASE_SECONDS, type Lease, leaseBatch, MARGIN_MS } from './lease.ts'

/** A leased batch and what of it is in this worker's hands. */
export type HeldBatch = {
  readonly lease: Lease
  /** Deliveries claimed and neither recorded nor given back. */
  open: number
  /** Nothing more of it is due. */
  drained: boolean
  /** By the monotonic clock. */
  validUntilMs: number
  /** Deliveries whose message was ended and whose outcome is not recorded yet, by position: they may have been sent. */
  readonly unrecorded: Set<number>
}

/** A database that is away for longer ends the sending; the leases run out by themselves. */
export const DATABASE_AWAY_MS = LEASE_SECONDS * 1000

/** The batches one worker holds: leases them, keeps the leases alive until `close`, and gives them back. */
export class HeldBatches {
  readonly #held = new Map<number, HeldBatch>()
  readonly #closing = new AbortController()
  readonly #heartbeat: Promise<void>
  readonly #db: Database
  readonly #owner: string
  readonly #clock: Clock
  readonly #log: Logger

  constructor(db: Database, owner: string, clock: Clock, log: Logger) {
    this.#db = db
    this.#owner = owner
    this.#clock = clock
    this.#log = log
    this.#heartbeat = this.#beat()
  }

  /** Leases the next due batch, or null when there is none. */
  async take(editionId: number | null): Promise<HeldBatch | null> {
    const askedMs = this.#clock.monotonicMs()
    const lease = await leaseBatch(this.#db, this.#owner, editionId, this.#clock.now())
    if (lease === null) return null
    const held: HeldBatch = {
      lease,
      open: 0,
      drained: false,
      validUntilMs: validFrom(askedMs),
      unrecorded: new Set(),
    }
    this.#held.set(lease.batchId, held)
    return held
  }

  /** Whether the lease is still this worker's, with enough time left to send a message under it. */
  holds(lease: Lease): boolean {
    return this.#clock.monotonicMs() < (this.#find(lease)?.validUntilMs ?? 0) - MARGIN_MS
  }

  /** The delivery's message is about to be ended: from now on it may have been sent, until its outcome is recorded. */
  begin({ lease, seq }: Claimed): void {
    this.#find(lease)?.unrecorded.add(seq)
  }

  /** The delivery is in nobody's hands any more: its outcome is recorded, or its message was never ended. */
  async release({ lease, seq }: Claimed): Promise<void> {
    const held = this.#find(lease)
    if (held === null) return
    held.unrecorded.delete(seq)
    held.open -= 1
    await this.endIfDone(held)
  }

  /** Gives the batch back once nothing more of it is due and nobody has any of it in hands. */
  async endIfDone(held: HeldBatch): Promise<void> {
    if (held.drained && held.open <= 0) await this.#end(held)
  }

  /** Gives back all that is held. Where the database does not let it, the leases run out and others take over. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#heartbeat
    for (const held of [...this.#held.values()]) await this.#end(held)
  }

  #find({ batchId, token }: Lease): HeldBatch | null {
    const held = this.#held.get(batchId)
    return held?.lease.token === token ? held : null
  }

  async #end({ lease, unrecorded }: HeldBatch): Promise<void> {
    const { batchId } = lease
    this.#held.delete(batchId)
    try {
      const end = () => endLease(this.#db, lease, [...unrecorded], this.#clock.now())
      await retryTransient(this.#clock, end, { forMs: DATABASE_AWAY_MS })
    } catch (error) {
      this.#log.warn({ batchId, reason: reasonOf(error) }, 'batch.not_returned')
    }
  }

  async #beat(): Promise<void> {
    const { signal } = this.#closing
    for (;;) {
      await this.#clock.sleep(HEARTBEAT_MS, signal)
      if (signal.aborted) return
      try {
        await retryTransient(this.#clock, () => this.#extend(), { signal })
      } catch (error) {
        // Without a heartbeat nothing is sent once the lease has run out.
        this.#log.warn({ reason: reasonOf(error) }, 'lease.not_extended')
      }
    }
  }

  async #extend(): Promise<void> {
    const asked = [...this.#held.values()]
    if (asked.length === 0) return
    const askedMs = this.#clock.monotonicMs()
    const leases = asked.map(({ lease }) => lease)
    const still = await extendLeases(this.#db, leases, this.#clock.now())
    for (const held of asked) held.validUntilMs = still.has(held.lease.batchId) ? validFrom(askedMs) : 0
  }
}

const validFrom = (askedMs: number) => askedMs + LEASE_SECONDS * 1000
