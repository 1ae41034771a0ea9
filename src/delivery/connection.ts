import { orAborted } from '../abortable.ts'
import type { Clock } from '../clock.ts'
import { shortenAddresses } from '../mail/addresses/address.ts'
import type { Relay } from '../mail/relays/relay.ts'
import { openSmtp, type SmtpConnection } from '../mail/smtp/open-connection.ts'
import type { RelayTrouble } from './circuit-breaker.ts'

/** A lane's connection, opened when there is something to send. */
export type RelayConnection = {
  connection: SmtpConnection | null
  /** Its relay had trouble of its own. */
  isBad: boolean
  trouble: RelayTrouble | null
  opened: boolean
  /** Ends once the outcome of the last message is committed; null when there is none to wait for. */
  last: Promise<void> | null
  /** Told that the commit of the last outcome fails again and again. */
  onStuck: () => void
}

/** A lane's line before its first message. */
export const newConnection = (): RelayConnection => ({
  connection: null,
  isBad: false,
  trouble: null,
  opened: false,
  last: null,
  onStuck: () => {},
})

/** Waits before a relay that could not be reached is tried again; after the last the lane gives up. */
const REOPEN_AFTER_MS = [250, 1000]
export const UNREACHABLE = 'no relay could be reached'

/** Waits until the outcome of the last message is committed. */
export async function awaitLastCommit(line: RelayConnection): Promise<void> {
  const { last } = line
  line.last = null
  await last
}

/** Waits as `settleLast` does, but with false no longer than until its commit is known to fail again and again. */
export function isCommitted(line: RelayConnection): Promise<boolean> {
  const { last } = line
  if (last === null) return Promise.resolve(true)
  return new Promise((resolve, reject) => {
    line.onStuck = () => resolve(false)
    last.then(() => {
      line.last = null
      resolve(true)
    }, reject)
  })
}

/** Opens its connection, or leaves it with the trouble. */
export async function connect(line: RelayConnection, relay: Relay, clock: Clock, signal: AbortSignal): Promise<void> {
  for (const waitMs of [0, ...REOPEN_AFTER_MS]) {
    await clock.sleep(waitMs, signal)
    if (signal.aborted) return
    const dialled = openSmtp(relay)
    const opened = await orAborted(dialled, signal)
    if (opened === null) return leave(dialled)
    if (!('kind' in opened)) {
      line.connection = opened
      line.isBad = false
      line.trouble = null
      line.opened = true
      return
    }
    line.trouble = { reason: UNREACHABLE, reply: shortenAddresses(opened.text) }
  }
}

/** Nobody waits for this connection any more; if it comes about all the same, it is closed. */
function leave(dialled: ReturnType<typeof openSmtp>): void {
  void dialled.then((opened) => ('kind' in opened ? undefined : opened.close()))
}

/** Says goodbye, if there is anybody to say it to. */
export async function disconnect(line: RelayConnection): Promise<void> {
  await line.connection?.close()
  line.connection = null
}
