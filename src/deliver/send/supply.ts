import type { Clock } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { type Claimed, claimDue, type Refusal, recheck } from './claim.ts'
import {
  abandonLease,
  extendLeases,
  HEARTBEAT_MS,
  LEASE_SECONDS,
  type Lease,
  leaseShare,
  MARGIN_MS,
  releaseLease,
} from './lease.ts'

/** Hands claimed deliveries to connections, one share after another, and keeps the leases alive. */
export type Supply = {
  /** The next delivery to send, or null when nothing more is due or the sending is stopped. */
  readonly next: () => Promise<Claimed | null>
  /** Whether its share is still this worker's, by the monotonic clock: look before every message. */
  readonly holds: (claimed: Claimed) => boolean
  /**
   * Why its reader may get nothing, or null, as that stood at most a second ago; `late` where the database takes longer to
   * say so. Ask before every message.
   */
  readonly refusalOf: (claimed: Claimed) => Promise<Refusal | 'late' | null>
  /** The delivery is accounted for, or given up because its share was lost. */
  readonly done: (claimed: Claimed) => Promise<void>
  /** Gives back what was claimed and is in nobody's hands. */
  readonly close: () => Promise<void>
}

type Held = { readonly lease: Lease; open: number; drained: boolean; validUntilMs: number }

/** Deliveries claimed at once; a worker's connections use them up within the second below. */
const CHUNK = 50
/** Older than this, a claimed delivery's reader is looked at again before the message goes out. */
export const FRESH_MS = 1000
/** So often a reader is looked at again for one message. */
const MOST_LOOKS = 3

/** Opens the supply of one worker; `editionId` limits it to one edition, and nothing is claimed once `signal` is aborted. */
export function openSupply(
  db: Database,
  owner: string,
  editionId: number | null,
  clock: Clock,
  signal: AbortSignal,
): Supply {
  const held = new Map<number, Held>()
  let current: Held | null = null
  /** Oldest first. */
  let ready: Claimed[] = []
  /** When it was asked how the reader of a claimed delivery stands. */
  const checkedAtMs = new WeakMap<Claimed, number>()
  let refilling: Promise<void> | null = null
  let refreshing: Promise<unknown> | null = null
  /** There was no share to lease when last asked. */
  let isDry = false

  const heartbeat = setInterval(async () => {
    const askedMs = clock.monotonicMs()
    const still = await extendLeases(db, owner, clock.now()).catch(() => null)
    for (const one of held.values()) if (still?.has(one.lease.shareId)) one.validUntilMs = validFrom(askedMs)
  }, HEARTBEAT_MS)
  heartbeat.unref()

  /** Claims another chunk, of the next share where one has nothing due any more. */
  async function refill(): Promise<void> {
    while (!signal.aborted) {
      current ??= await take()
      isDry = current === null
      if (current === null) return
      const askedMs = clock.monotonicMs()
      const claimed = await claimDue(db, current.lease, CHUNK, clock.now())
      for (const one of claimed) checkedAtMs.set(one, askedMs)
      ready.push(...claimed)
      current.open += claimed.length
      if (claimed.length > 0) return
      current.drained = true
      await leaveIfDone(current)
      current = null
    }
  }

  /** One at a time; who only claims ahead does not wait, and a failure is met again by whoever does. */
  function startRefill(): Promise<void> {
    if (refilling !== null) return refilling
    const started = refill().finally(() => {
      refilling = null
    })
    started.catch(() => {})
    refilling = started
    return started
  }

  async function take(): Promise<Held | null> {
    const askedMs = clock.monotonicMs()
    const lease = await leaseShare(db, owner, editionId, clock.now())
    if (lease === null) return null
    const one = { lease, open: 0, drained: false, validUntilMs: validFrom(askedMs) }
    held.set(lease.shareId, one)
    return one
  }

  async function leaveIfDone(one: Held): Promise<void> {
    if (!one.drained || one.open > 0) return
    held.delete(one.lease.shareId)
    await releaseLease(db, one.lease, clock.now())
  }

  /** Looks again at the readers of all that is ready, and in the same statement at those of `others`. */
  async function refresh(others: readonly Claimed[] = []): Promise<ReadonlyMap<number, Refusal>> {
    const askedMs = clock.monotonicMs()
    const looked = ready
    const refusals = await recheck(db, [...others, ...looked])
    const isLooked = new Set(looked)
    ready = ready.map((one) => {
      // Another chunk may have been claimed meanwhile.
      if (!isLooked.has(one)) return one
      const told = { ...one, refusal: refusals.get(one.subscriptionId) ?? one.refusal }
      checkedAtMs.set(told, askedMs)
      return told
    })
    return refusals
  }

  const isStale = (one: Claimed) => clock.monotonicMs() - (checkedAtMs.get(one) ?? 0) > FRESH_MS

  async function prepare(): Promise<void> {
    if (ready[0] === undefined) {
      const begunBefore = refilling !== null
      await startRefill()
      // It may have looked just before a delivery of this very lane was queued again.
      if (begunBefore && ready[0] === undefined) await startRefill()
    } else {
      refreshing ??= refresh().finally(() => {
        refreshing = null
      })
      await refreshing
    }
  }

  return {
    next: async () => {
      while (!signal.aborted) {
        const [first] = ready
        if (first !== undefined && !isStale(first)) {
          ready.shift()
          if (ready.length < CHUNK / 2 && !isDry) void startRefill()
          return first
        }
        await prepare()
        if (ready.length === 0 && current === null) return null
      }
      return null
    },
    holds: ({ lease }) => clock.monotonicMs() < (held.get(lease.shareId)?.validUntilMs ?? 0) - MARGIN_MS,
    refusalOf: async (claimed) => {
      let { refusal } = claimed
      // Counted from the question: an answer that took its time is as old as that.
      let askedMs = checkedAtMs.get(claimed) ?? 0
      for (let looks = 0; refusal === null && clock.monotonicMs() - askedMs > FRESH_MS; looks += 1) {
        if (looks === MOST_LOOKS) return 'late'
        askedMs = clock.monotonicMs()
        const refusals = await refresh([claimed])
        refusal = refusals.get(claimed.subscriptionId) ?? null
      }
      return refusal
    },
    done: async ({ lease }) => {
      const one = held.get(lease.shareId)
      if (one === undefined || one.lease.token !== lease.token) return
      one.open -= 1
      await leaveIfDone(one)
    },
    close: async () => {
      clearInterval(heartbeat)
      await refilling?.catch(() => {})
      for (const one of held.values()) await abandonLease(db, one.lease, clock.now())
    },
  }
}

const validFrom = (askedMs: number) => askedMs + LEASE_SECONDS * 1000
