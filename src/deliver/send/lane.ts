import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../../clock.ts'
import { type Connection, openConnection } from '../../mail/connection.ts'
import type { Relay } from '../../mail/relay.ts'
import type { Message } from '../message.ts'
import { type Outcome, putBack, readReply, refuse } from '../outcome.ts'
import type { Claimed } from './claim.ts'
import type { Ledger } from './ledger.ts'
import type { Supply } from './supply.ts'
import type { Throttle } from './throttle.ts'

/** What one connection works with. */
export type Lane = {
  readonly relay: Relay
  readonly throttle: Throttle
  readonly supply: Supply
  readonly ledger: Ledger
  /** The message, or what becomes of a delivery whose message cannot be made. */
  readonly write: (claimed: Claimed) => Promise<Message | Outcome>
  readonly clock: Clock
  readonly onAccounted: () => void
}

/** A lane's connection, opened when there is something to send. */
type Line = { connection: Connection | null; trouble: string | null }

/** Waits before a relay that could not be reached is tried again; after the last the lane gives up. */
const REOPEN_AFTER_MS = [250, 1000]

/**
 * Sends one delivery after another over one kept-alive connection until nothing is due. The next message does not begin
 * before the last one's outcome is committed, so a crash leaves at most one message a connection in doubt.
 * Returns what the relay said when it could not be reached, else null.
 */
export async function runLane(lane: Lane): Promise<string | null> {
  const line: Line = { connection: null, trouble: null }
  try {
    for (;;) {
      const claimed = await lane.supply.next()
      if (claimed === null) return null
      const outcome = await settle(lane, line, claimed)
      if (outcome !== null) await lane.ledger.commit({ claimed, outcome })
      if (line.connection !== null && !line.connection.usable) await hangUp(line)
      await lane.supply.done(claimed)
      lane.onAccounted()
      if (line.trouble !== null) return line.trouble
    }
  } finally {
    await hangUp(line)
  }
}

/** Sends the delivery's message and says what becomes of it; null when its share is no longer this worker's. */
async function settle(lane: Lane, line: Line, claimed: Claimed): Promise<Outcome | null> {
  if (claimed.refusal !== null) return refuse(claimed.refusal)
  const message = await lane.write(claimed)
  if ('state' in message) return message
  if (line.connection === null) await dial(line, lane.relay)
  if (line.connection === null) return putBack('no relay could be reached', line.trouble)
  await lane.throttle()
  if (!lane.supply.holds(claimed)) return null
  const reply = await line.connection.send(message.envelope, message.octets)
  const attempt = { attempts: claimed.attempts, editionAt: message.editionAt, jitter: Math.random() }
  return readReply(reply, attempt, lane.clock.now())
}

async function dial(line: Line, relay: Relay): Promise<void> {
  for (const waitMs of [0, ...REOPEN_AFTER_MS]) {
    await pause(waitMs)
    const opened = await openConnection(relay)
    if (!('kind' in opened)) {
      line.connection = opened
      line.trouble = null
      return
    }
    line.trouble = opened.text
  }
}

async function hangUp(line: Line): Promise<void> {
  await line.connection?.close()
  line.connection = null
}
