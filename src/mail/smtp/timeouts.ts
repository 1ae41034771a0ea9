import type { RelayTimeouts } from '../relays/relay.ts'

/** How long each step may take, in milliseconds, however little or much the relay says meanwhile. */
export type SmtpTimeouts = {
  readonly connectMs: number
  readonly encryptMs: number
  readonly greetingMs: number
  /** For one reply to EHLO, HELO, STARTTLS or a line of the login. */
  readonly helloMs: number
  readonly mailMs: number
  readonly rcptMs: number
  readonly dataMs: number
  /** For the content to leave; counted together with the wait for its reply. */
  readonly contentMs: number
  readonly finishMs: number
  /** For the content to have arrived, where that must be known before its end goes out. */
  readonly arrivalMs: number
  readonly goodbyeMs: number
}

const MINUTE = 60_000

/** RFC 5321 §4.5.3.2, which says "at least"; it names none for connecting, for TLS and for QUIT. */
export const RFC_TIMEOUTS: SmtpTimeouts = {
  connectMs: 0.5 * MINUTE,
  encryptMs: 0.5 * MINUTE,
  greetingMs: 5 * MINUTE,
  helloMs: 5 * MINUTE,
  mailMs: 5 * MINUTE,
  rcptMs: 5 * MINUTE,
  dataMs: 2 * MINUTE,
  contentMs: 3 * MINUTE,
  finishMs: 10 * MINUTE,
  arrivalMs: 1_000,
  goodbyeMs: 2_000,
}

/**
 * The standard's patience, no step of it longer than a relay's own timeouts allow. Only the reply to the content is waited
 * for as long as the whole message may take, however silent the relay: who gives up earlier sends it twice.
 */
export function timeoutsOf({ connectMs, greetingMs, socketMs, messageMs, arrivalMs }: RelayTimeouts): SmtpTimeouts {
  const stepMs = Math.min(socketMs, messageMs)
  return {
    connectMs,
    encryptMs: Math.min(RFC_TIMEOUTS.encryptMs, connectMs + greetingMs),
    greetingMs,
    helloMs: Math.min(RFC_TIMEOUTS.helloMs, socketMs),
    mailMs: Math.min(RFC_TIMEOUTS.mailMs, stepMs),
    rcptMs: Math.min(RFC_TIMEOUTS.rcptMs, stepMs),
    dataMs: Math.min(RFC_TIMEOUTS.dataMs, stepMs),
    contentMs: Math.min(RFC_TIMEOUTS.contentMs, stepMs),
    finishMs: Math.min(RFC_TIMEOUTS.finishMs, messageMs),
    arrivalMs,
    goodbyeMs: RFC_TIMEOUTS.goodbyeMs,
  }
}
