import type { Clock } from '../clock.ts'

/** SQLSTATE classes and codes of faults that pass by themselves or once somebody has mended the server. */
const TRANSIENT_STATES = new RegExp(
  [
    '^08', // connection exceptions
    '^53', // out of connections, memory or disk
    '^57P0[1-5]$', // shut down, crashed, starting up, dropped, idle too long
    '^57014$', // statement timeout
    '^40(001|003|P01)$', // serialisation failure, completion unknown, deadlock
    '^25(006|P03|P04)$', // read-only after a failover; the server ended an idle or long transaction
    '^55P03$', // lock timeout
    '^58030$', // input or output error
  ].join('|'),
)
const TRANSIENT_CODES = new Set([
  ...['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN'],
  ...['EAI_AGAIN', 'ENOTFOUND', 'EMFILE', 'ENFILE', 'ENOBUFS', 'EAGAIN'],
])
/** pg gives these errors no code: a socket that closed, a client that saw it close, a pool with nothing to give. */
const TRANSIENT_MESSAGES =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Query read timeout)/

/**
 * Whether the fault of a statement or connection may pass, so that repeating the work makes sense: the connection was lost
 * or refused, the server is restarting, overloaded or read-only, or the transaction lost against another one. A statement
 * that is wrong, or data that break a constraint, fail again however often they are repeated.
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  if (TRANSIENT_STATES.test(code) || TRANSIENT_CODES.has(code)) return true
  // The socket of a database that is being restarted; a file that does not exist stays missing.
  if (code === 'ENOENT') return 'syscall' in error && error.syscall === 'connect'
  if (TRANSIENT_MESSAGES.test(error.message)) return true
  return isTransient(error.cause) || (error instanceof AggregateError && error.errors.some(isTransient))
}

/** When to stop repeating, and who is told of each failure. */
type Repeating = {
  /** Once it is aborted, a failure is not repeated. */
  readonly signal?: AbortSignal
  /** Asked after each failure with the number of tries so far; eight tries unless given. */
  readonly mayRepeat?: (tries: number) => boolean
  /** Repeats for so many milliseconds instead. */
  readonly forMs?: number
  readonly onFailure?: (error: unknown, tries: number) => void
}

/** Five seconds in all. */
const MOST_TRIES = 8
const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 2_000

/**
 * Does work on the database, and again after a wait that doubles from 50 ms to 2 s when it failed for a reason that may pass.
 * The answer to a commit may be lost after it took effect, so work must be safe to repeat. Any other failure, and the last
 * one, is thrown.
 */
export async function retryTransient<T>(clock: Clock, work: () => Promise<T>, repeating: Repeating = {}): Promise<T> {
  const { signal, forMs, onFailure = () => {} } = repeating
  const startMs = clock.monotonicMs()
  const isInTime = (tries: number) => (forMs === undefined ? tries < MOST_TRIES : clock.monotonicMs() - startMs < forMs)
  const { mayRepeat = isInTime } = repeating
  for (let tries = 1; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      if (!isTransient(error)) throw error
      onFailure(error, tries)
      if (signal?.aborted || !mayRepeat(tries)) throw error
      await clock.sleep(waitMs(tries), signal)
    }
  }
}

/** How long to wait after so many failures in a row: 50 ms, twice as long each time, at most 2 s. */
export function waitMs(failures: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS)
}
