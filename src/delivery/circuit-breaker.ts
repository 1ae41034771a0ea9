import type { Clock } from '../clock.ts'
import { shortenAddresses } from '../mail/addresses/address.ts'
import type { Reply } from '../mail/smtp/open-connection.ts'
import type { Outcome } from './outcome/outcome.ts'

/** Holds a worker back from a relay that has trouble of its own, over all its connections. */
export type CircuitBreaker = {
  /** Ends when the next message may be begun, or the sending is stopped; with what the relay said once it is given up. */
  readonly enter: () => Promise<RelayTrouble | null>
  /** Why the relay was given up, or null while it is not. */
  readonly givenUp: () => RelayTrouble | null
  /** Hears a reply to a message, what it means, and when the message was begun. */
  readonly record: (reply: Reply, outcome: Outcome, begunMs: number) => void
}

/**
 * Why a relay takes nothing, in plain words and in its own: those stand in the log and beside other readers' deliveries, so
 * addresses in them are shortened.
 */
export type RelayTrouble = { readonly reason: string; readonly reply: string }

/**
 * Waits after each trouble in a row; one more and the relay is given up for this sending. A relay that lets so many messages
 * through a connection and leaves is not waited for.
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
      // A connection that breaks may be one message's matter, but not when five in a row do.
      if (reply.kind !== 'broken' && !outcome.pausesRelay) failures = 0
      // What was under way on other connections met the same trouble.
      else if (begunMs >= lastMs) {
        failures += 1
        lastMs = clock.monotonicMs()
        last = { reason: outcome.reason ?? '', reply: shortenAddresses(reply.text) }
      }
    },
  }
}
