import { orAborted } from '../abortable.ts'
import type { Clock } from '../clock.ts'
import { shortenAddresses } from '../mail/addresses/address.ts'
import type { Relay } from '../mail/relays/relay.ts'
import { openSmtp } from '../mail/smtp/open-connection.ts'
import type { SmtpConnection } from '../mail/smtp/session.ts'
import type { RelayTrouble } from './circuit-breaker.ts'

/** A connection to a relay, opened when there is something to send. */
export type RelayConnection = {
  connection: SmtpConnection | null
  /** Its relay reported a failure of its own: reconnect before the next message. */
  isBad: boolean
  trouble: RelayTrouble | null
  opened: boolean
  /** Ends once the outcome of the last message is committed; null when there is none to wait for. */
  last: Promise<void> | null
  /** Called when the commit of the last outcome has failed several times. */
  onStuck: () => void
}

/** A connection before its first message. */
export const newConnection = (): RelayConnection => ({
  connection: null,
  isBad: false,
  trouble: null,
  opened: false,
  last: null,
  onStuck: () => {},
})

/** Waits before a relay that could not be reached is tried again; after the last the connection is given up. */
const REOPEN_AFTER_MS = [250, 1000]
export const UNREACHABLE = 'no relay could be reached'

/** Waits until the outcome of the last message is committed. */
export async function awaitLastCommit(conn: RelayConnection): Promise<void> {
  const { last } = conn
  conn.last = null
  await last
}

/** Waits as `awaitLastCommit` does, but resolves with false once the commit has failed several times. */
export function isCommitted(conn: RelayConnection): Promise<boolean> {
  const { last } = conn
  if (last === null) return Promise.resolve(true)
  return new Promise((resolve, reject) => {
    conn.onStuck = () => resolve(false)
    last.then(() => {
      conn.last = null
      resolve(true)
    }, reject)
  })
}

/** Connects to the relay, or notes in `trouble` why it could not. */
export async function connect(conn: RelayConnection, relay: Relay, clock: Clock, signal: AbortSignal): Promise<void> {
  for (const waitMs of [0, ...REOPEN_AFTER_MS]) {
    await clock.sleep(waitMs, signal)
    if (signal.aborted) return
    const connecting = openSmtp(relay)
    const opened = await orAborted(connecting, signal)
    if (opened === null) return discard(connecting)
    if (!('kind' in opened)) {
      conn.connection = opened
      conn.isBad = false
      conn.trouble = null
      conn.opened = true
      return
    }
    conn.trouble = { reason: UNREACHABLE, reply: shortenAddresses(opened.text) }
  }
}

/** Closes a connection that is no longer wanted, should it still be established. */
function discard(connecting: ReturnType<typeof openSmtp>): void {
  void connecting.then((opened) => ('kind' in opened ? undefined : opened.close()))
}

/** Closes the SMTP connection, if there is one. */
export async function disconnect(conn: RelayConnection): Promise<void> {
  await conn.connection?.close()
  conn.connection = null
}
