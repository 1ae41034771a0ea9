import type { Clock } from '../clock.ts'
import { shortenAddresses } from '../mail/addresses/address.ts'
import type { MessageReply } from '../mail/smtp/reply.ts'
import type { Outcome } from './outcome/outcome.ts'

/** Delays all of a worker's connections to a relay that reports failures of its own. */
export type CircuitBreaker = {
  /** Resolves when the next message may be begun, or the sending is stopped; with the relay's reply once it is given up. */
  readonly enter: () => Promise<RelayTrouble | null>
  /** Why the relay was given up, or null while it is not. */
  readonly givenUp: () => RelayTrouble | null
  /** Records the reply to a message, its outcome, and when the message was begun. */
  readonly record: (reply: MessageReply, outcome: Outcome, begunMs: number) => void
}

/**
 * Why a relay accepts nothing: a plain reason, and its reply with addresses shortened, since that is logged and stored with
 * other readers' deliveries.
 */
export type RelayTrouble = { readonly reason: string; readonly reply: string }

/**
 * Waits after consecutive failures; one failure more, and the relay is given up for this sending. There is no wait after the
 * first: some relays close each connection after a number of messages.
 */
const WAITS_MS = [0, 100, 500, 2000]

/** Opens the circuit breaker of one relay. */
export function openCircuitBreaker(clock: Clock, signal: AbortSignal): CircuitBreaker {
  let failures = 0
  let lastMs = Number.NEGATIVE_INFINITY
  let last: RelayTrouble = { reason: '', reply: '' }
  const givenUp = () => (failures > WAITS_MS.length ? last : null)
  return {
    enter: async () => {
      if (givenUp() !== null) return last
      const untilMs = lastMs + (WAITS_MS[failures - 1] ?? 0)
      const nowMs = clock.monotonicMs()
      if (failures > 0 && nowMs < untilMs) await clock.sleep(untilMs - nowMs, signal)
      return givenUp()
    },
    givenUp,
    record: (reply, outcome, begunMs) => {
      // One broken connection may be caused by its message, but not five in a row.
      if (reply.kind !== 'broken' && !outcome.pausesRelay) failures = 0
      // Messages begun before the last failure met the same one, which counts once.
      else if (begunMs >= lastMs) {
        failures += 1
        lastMs = clock.monotonicMs()
        last = { reason: outcome.reason ?? '', reply: shortenAddresses(reply.text) }
      }
    },
  }
}
