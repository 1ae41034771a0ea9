import type { Clock } from '../../clock.ts'
import type { Relay } from '../../mail/relay/relay.ts'
import { openSmtp, type SmtpConnection } from '../../mail/smtp.ts'
import type { Message } from '../message.ts'
import { type Outcome, putBack, readReply, refuse } from '../outcome.ts'
import type { Bench } from './bench.ts'
import type { Claimed } from './claim.ts'
import type { Ledger } from './ledger.ts'
import { rest, unlessStopped } from './rest.ts'
import type { Supply } from './supply.ts'
import type { Throttle } from './throttle.ts'

/** What one connection works with. */
type Lane = {
  readonly relay: Relay
  readonly throttle: Throttle
  readonly supply: Supply
  readonly ledger: Ledger
  /** The message, or what becomes of a delivery whose message cannot be made. */
  readonly write: (claimed: Claimed) => Promise<Message | Outcome>
  readonly clock: Clock
  readonly bench: Bench
  readonly onAccounted: () => void
  /** Once it is aborted, no message is begun. */
  readonly signal: AbortSignal
}

/** A lane's connection, opened when there is something to send. */
type Line = { connection: SmtpConnection | null; trouble: string | null; opened: boolean }

/** How a lane ended: it had a connection, it never needed one, or no relay could be reached, in the relay's words. */
export type LaneEnd = { readonly kind: 'served' | 'idle' } | { readonly kind: 'unreachable'; readonly trouble: string }

/** Waits before a relay that could not be reached is tried again; after the last the lane gives up. */
const REOPEN_AFTER_MS = [250, 1000]

/**
 * Sends one delivery after another over one kept-alive connection until nothing is due and no other lane is at work. The
 * next message does not begin before the last one's outcome is committed, so a crash leaves at most one message a
 * connection in doubt. When stopped it finishes the message on the wire and leaves what else was claimed to the supply,
 * which gives it back.
 */
export async function runLane(lane: Lane): Promise<LaneEnd> {
  const line: Line = { connection: null, trouble: null, opened: false }
  const end = (): LaneEnd => ({ kind: line.opened ? 'served' : 'idle' })
  try {
    for (;;) {
      const claimed = await lane.supply.next()
      if (claimed === null) {
        await hangUp(line)
        if (await lane.bench.sit()) continue
        return end()
      }
      const outcome = await settle(lane, line, claimed)
      if (outcome !== null) await lane.ledger.commit({ claimed, outcome })
      else if (lane.signal.aborted) return end()
      if (line.connection !== null && !line.connection.usable) await hangUp(line)
      await lane.supply.done(claimed)
      lane.onAccounted()
      if (line.trouble !== null) return { kind: 'unreachable', trouble: line.trouble }
    }
  } finally {
    lane.bench.leave()
    await hangUp(line)
  }
}

/** Sends the delivery's message and says what becomes of it; null when stopped, or its share is no longer this worker's. */
async function settle(lane: Lane, line: Line, claimed: Claimed): Promise<Outcome | null> {
  if (claimed.refusal !== null) return refuse(claimed.refusal)
  const message = await lane.write(claimed)
  if ('state' in message) return message
  if (line.connection === null) await dial(line, lane)
  if (lane.signal.aborted) return null
  if (line.connection === null) return putBack('no relay could be reached', line.trouble)
  await lane.throttle()
  // Writing, dialling and waiting for a turn may each have taken longer than the reader's yes may be old.
  const refusal = await lane.supply.refusalOf(claimed)
  if (refusal === 'late') return putBack('the reader could not be looked at in time', null)
  if (refusal !== null) return refuse(refusal)
  if (lane.signal.aborted || !lane.supply.holds(claimed)) return null
  const reply = await line.connection.send(message.envelope, message.octets)
  const attempt = { attempts: claimed.attempts, editionAt: message.editionAt, jitter: Math.random() }
  return readReply(reply, attempt, lane.clock.now())
}

async function dial(line: Line, { relay, signal }: Lane): Promise<void> {
  for (const waitMs of [0, ...REOPEN_AFTER_MS]) {
    await rest(waitMs, signal)
    if (signal.aborted) return
    const dialled = openSmtp(relay)
    const opened = await unlessStopped(dialled, signal)
    if (opened === null) return leave(dialled)
    if (!('kind' in opened)) {
      line.connection = opened
      line.trouble = null
      line.opened = true
      return
    }
    line.trouble = opened.text
  }
}

/** Nobody waits for this connection any more; if it comes about all the same, it is closed. */
function leave(dialled: ReturnType<typeof openSmtp>): void {
  void dialled.then((opened) => ('kind' in opened ? undefined : opened.close()))
}

async function hangUp(line: Line): Promise<void> {
  await line.connection?.close()
  line.connection = null
}
