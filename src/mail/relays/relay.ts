import { isIP } from 'node:net'
import { CourantError } from '../../errors.ts'

/** A mail server that takes our messages, and how it wants to be spoken to. */
export type Relay = {
  readonly host: string
  readonly port: number
  /** TLS from the first octet (`smtps://`). */
  readonly secure: boolean
  /**
   * `off`: never. `try`: where offered, whatever the certificate. `require`: only with a certificate that verifies.
   */
  readonly tls: 'off' | 'try' | 'require'
  readonly credentials: { readonly user: string; readonly password: string } | null
  /** What this machine calls itself in EHLO; null for the address it is reached from. */
  readonly ehloName: string | null
  /** How many may be open at once. */
  readonly connections: number
  /** Messages a second over all connections; null for no limit. */
  readonly ratePerSecond: number | null
  readonly timeouts: RelayTimeouts
}

/**
 * In milliseconds: to connect, to the greeting, without a sign of life, and for the relay to make up its mind about a
 * message it has as a whole (RFC 5321 §4.5.3.2.6 says 10 minutes); `arrivalMs` for a content to have arrived, or for its
 * connection to be known as broken.
 */
export type RelayTimeouts = {
  readonly connectMs: number
  readonly greetingMs: number
  readonly socketMs: number
  readonly messageMs: number
  readonly arrivalMs: number
}

const TIMEOUTS: RelayTimeouts = {
  connectMs: 10_000,
  greetingMs: 10_000,
  socketMs: 60_000,
  messageMs: 600_000,
  arrivalMs: 1_000,
}
const CONNECTIONS = 10
const MOST_CONNECTIONS = 1000
const SHAPE = 'smtp[s]://user:password@host:port?connections=10&rate=50&tls=off|try|require'

/**
 * Reads the URL of a relay, `smtp[s]://user:password@host:port?connections=10&rate=50&tls=off|try|require`.
 *
 * Only the host is needed. The port is 25, or 465 for smtps; `tls` is `try`, or `require` for another machine with smtps or
 * a password.
 * User and password are percent-decoded. Throws `mail.relay`, which says what is wrong and never repeats what was given,
 * since a misplaced character can make a password look like any other part.
 */
export function parseRelay(url: string, ehloName: string | null = null): Relay {
  if (!/^smtps?:\/\//i.test(url)) throw wrong('It begins neither with smtp:// nor with smtps://.')
  if (!URL.canParse(url)) throw wrong('It is not a URL; perhaps a special character in it is not percent-encoded.')
  const parsed = new URL(url)
  if (parsed.hash !== '' || !['', '/'].includes(parsed.pathname)) {
    throw wrong('Something follows the host; perhaps a "/" or "#" of the password is not percent-encoded.')
  }
  const secure = parsed.protocol === 'smtps:'
  const host = readHost(parsed.hostname)
  const options = readOptions(parsed.searchParams)
  const credentials = readCredentials(parsed.username, parsed.password)
  const isAtRisk = (secure || credentials !== null) && !isLoopback(host)
  const tls = options.tls ?? (isAtRisk ? 'require' : 'try')
  if (secure && tls === 'off') throw wrong('smtps:// is TLS from the start, so tls=off contradicts it.')
  return {
    host,
    port: parsed.port === '' ? (secure ? 465 : 25) : Number(parsed.port),
    secure,
    tls,
    credentials,
    ehloName,
    connections: options.connections ?? CONNECTIONS,
    ratePerSecond: options.rate,
    timeouts: TIMEOUTS,
  }
}

/** Names a relay in logs and messages: `host:port`. */
export function relayName(relay: Relay): string {
  return `${isIP(relay.host) === 6 ? `[${relay.host}]` : relay.host}:${relay.port}`
}

/** Who could read the password on the way to the relay, as its URL says it is sent; null where nobody could. */
export function passwordRisk({ host, tls, credentials }: Relay): string | null {
  if (credentials === null || tls === 'require' || isLoopback(host)) return null
  if (tls === 'off') return 'The password is sent in the clear (tls=off): whoever listens in on the way can read it.'
  return 'Any certificate is taken (tls=try): whoever stands between can ask for the password and read it.'
}

/** Whether the host is this machine, where nobody can listen in or stand between. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function readHost(hostname: string): string {
  const host = hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  if (isIP(host) !== 0 || /^[a-z0-9_]([a-z0-9._-]*[a-z0-9])?$/.test(host)) return host
  throw wrong(host === '' ? 'It names no host.' : 'Its host is neither a name nor an IP address.')
}

function readCredentials(user: string, password: string): Relay['credentials'] {
  if (user === '' && password === '') return null
  if (user === '' || password === '') throw wrong('It has a user without a password, or a password without a user.')
  try {
    return { user: decodeURIComponent(user), password: decodeURIComponent(password) }
  } catch {
    throw wrong('A "%" in its user or password is not percent-encoded (write %25).')
  }
}

type Options = { connections: number | null; rate: number | null; tls: Relay['tls'] | null }

function readOptions(given: URLSearchParams): Options {
  const options: Options = { connections: null, rate: null, tls: null }
  for (const [name, value] of given) {
    if (name === 'connections') options.connections = readConnections(value)
    else if (name === 'rate') options.rate = readRate(value)
    else if (name === 'tls') options.tls = readTls(value)
    else
      throw wrong('It has an option that is none of connections, rate and tls; perhaps a "?" is not percent-encoded.')
  }
  return options
}

function readConnections(value: string): number {
  const connections = Number(value)
  if (/^\d+$/.test(value) && connections >= 1 && connections <= MOST_CONNECTIONS) return connections
  throw wrong(`"connections" takes a whole number from 1 to ${MOST_CONNECTIONS}.`)
}

function readRate(value: string): number {
  const rate = Number(value)
  if (/^\d+(\.\d+)?$/.test(value) && rate > 0) return rate
  throw wrong('"rate" takes a number above 0, of messages a second.')
}

function readTls(value: string): Relay['tls'] {
  if (value === 'off' || value === 'try' || value === 'require') return value
  throw wrong('"tls" takes off, try or require.')
}

function wrong(why: string): CourantError {
  return new CourantError('mail.relay', {
    what: 'The URL of a relay is wrong.',
    why,
    todo: `Write ${SHAPE}, user and password percent-encoded.`,
  })
}
