import type { Clock, Temporal } from '../clock.ts'
import type { Relay } from '../mail/relays/relay.ts'
import type { Reply, SmtpConnection } from '../mail/smtp/open-connection.ts'
import type { CircuitBreaker, RelayTrouble } from './circuit-breaker.ts'
import type { Claimed } from './claim.ts'
import {
  awaitLastCommit,
  connect,
  disconnect,
  isCommitted,
  newConnection,
  type RelayConnection,
  UNREACHABLE,
} from './connection.ts'
import type { IdleTracker } from './idle.ts'
import type { Message } from './message.ts'
import { type Outcome, readReply, requeue, skip } from './outcome/outcome.ts'
import type { OutcomeBatcher } from './outcome-batcher.ts'
import type { DeliveryQueue } from './queue.ts'
import type { Throttle } from './throttle.ts'

/** What one connection works with. */
type ConnectionWork = {
  readonly relay: Relay
  readonly throttle: Throttle
  readonly breaker: CircuitBreaker
  readonly queue: DeliveryQueue
  readonly outcomes: OutcomeBatcher
  /** The message, or what becomes of a delivery whose message cannot be made. */
  readonly write: (claimed: Claimed) => Promise<Message | Outcome>
  readonly clock: Clock
  readonly idle: IdleTracker
  readonly onRecorded: () => void
  /** Once it is aborted, no message is begun. */
  readonly signal: AbortSignal
}

/** How a lane ended: it had a connection, it never needed one, or its relay takes nothing. */
export type ConnectionEnd =
  | { readonly kind: 'served' | 'idle' }
  | { readonly kind: 'unreachable'; readonly trouble: RelayTrouble }

/**
 * Sends one delivery after another over one kept-alive connection until nothing is due and no other lane is at work. A
 * message goes on the wire while the last one's outcome is being committed, but for its end, which waits for that: so a
 * crash leaves at most one message a connection in doubt. When stopped it finishes the message on the wire and leaves what
 * else was claimed to the supply, which gives it back.
 */
export async function runConnection(lane: ConnectionWork): Promise<ConnectionEnd> {
  const line = newConnection()
  const seat = lane.idle.join()
  const end = (): ConnectionEnd => {
    // Others may have met the trouble while this one had nothing to send.
    const trouble = line.trouble ?? lane.breaker.givenUp()
    return trouble === null ? { kind: line.opened ? 'served' : 'idle' } : { kind: 'unreachable', trouble }
  }
  try {
    for (;;) {
      lane.idle.look(seat)
      const claimed = await lane.queue.next()
      if (claimed !== null) {
        lane.idle.resume(seat)
        await sendOne(lane, line, claimed)
        if (line.trouble !== null || lane.signal.aborted) return end()
      } else if (line.last !== null) {
        // What was not sent may be due again.
        await awaitLastCommit(line)
      } else {
        await disconnect(line)
        if (!(await lane.idle.wait(seat))) return end()
      }
    }
  } finally {
    try {
      await awaitLastCommit(line).finally(() => disconnect(line))
    } finally {
      lane.idle.leave(seat, line.trouble !== null)
    }
  }
}

/** What came of beginning a message: all of it but its end is on the wire, or there is none to send, or it is given back. */
type Begun =
  | {
      readonly kind: 'begun'
      readonly connection: SmtpConnection
      readonly giveUpFrom: Temporal.Instant
      readonly begunMs: number
    }
  | { readonly kind: 'over'; readonly outcome: Outcome }
  | { readonly kind: 'given back' }

/** Sends the delivery's message, or says why not, and begins to commit what became of it; not when it is to be given back. */
async function sendOne(lane: ConnectionWork, line: RelayConnection, claimed: Claimed): Promise<void> {
  const isAhead = line.last !== null
  let begun = await begin(lane, line, claimed)
  if (!(await isCommitted(line))) {
    await returnDelivery(lane, line, claimed, begun)
    await awaitLastCommit(line)
    if (begun.kind !== 'over') return
  }
  if (isAhead && line.connection !== null && !line.connection.usable) {
    // The connection ended with the message before, which is not this one's fault.
    await disconnect(line)
    begun = await begin(lane, line, claimed)
  }
  const sending = await finish(lane, line, claimed, begun)
  if (sending === null) await lane.queue.giveBack(claimed)
  else line.last = recordOutcome(lane, line, claimed, sending.outcome)
}

/** Leaves a message that was begun to another connection: this one's last outcome cannot be committed. */
async function returnDelivery(
  lane: ConnectionWork,
  line: RelayConnection,
  claimed: Claimed,
  begun: Begun,
): Promise<void> {
  if (begun.kind === 'over') return
  if (begun.kind === 'begun') await begun.connection.abandon()
  await disconnect(line)
  await lane.queue.giveBack(claimed)
}

/** Ends the content of the message begun, once it is certain that its reader may get it and that its batch is held. */
async function finish(
  lane: ConnectionWork,
  line: RelayConnection,
  claimed: Claimed,
  begun: Begun,
): Promise<{ readonly outcome: Outcome | Promise<Outcome> } | null> {
  if (begun.kind === 'given back') return null
  if (begun.kind === 'over') return begun
  const { connection, giveUpFrom, begunMs } = begun
  if (claimed.ambiguous) await connection.awaitArrival()
  // Begun may have been long ago: the relay took its time, or the commit.
  const ended = await lane.queue.endIfAllowed(claimed, () => connection.finish())
  if (ended.refusal === null && ended.value !== null) {
    const sent = { claimed, giveUpFrom, begunMs }
    return { outcome: ended.value.then((reply) => readOutcome(lane, line, reply, sent)) }
  }
  await connection.abandon()
  await disconnect(line)
  return ended.refusal === null ? null : { outcome: skip(ended.refusal) }
}

/** Writes the message and puts it on the wire but for its end; behind the last one's, where its reply is still to come. */
async function begin(lane: ConnectionWork, line: RelayConnection, claimed: Claimed): Promise<Begun> {
  if (claimed.skip !== null) return done(skip(claimed.skip))
  const message = await lane.write(claimed)
  if ('state' in message) return done(message)
  await lane.throttle()
  const trouble = await lane.breaker.enter()
  if (trouble !== null) {
    line.trouble = trouble
    return done(requeue(trouble.reason, trouble.reply))
  }
  if (line.connection !== null && (line.isBad || !line.connection.usable)) {
    await awaitLastCommit(line)
    await disconnect(line)
  }
  if (line.connection === null) await connect(line, lane.relay, lane.clock, lane.signal)
  if (lane.signal.aborted) return { kind: 'given back' }
  const { connection } = line
  if (connection === null) return done(requeue(UNREACHABLE, line.trouble?.reply ?? null))
  // Writing, dialling and waiting for a turn may each have taken longer than the reader's yes may be old.
  const refusal = await lane.queue.whySkip(claimed)
  if (refusal !== null) return done(skip(refusal))
  const { envelope, content, giveUpFrom } = message
  const begunMs = lane.clock.monotonicMs()
  const reply = await connection.begin(envelope, content.measured)
  if (reply !== null) return done(readOutcome(lane, line, reply, { claimed, giveUpFrom, begunMs }))
  connection.write(content.pieces)
  return { kind: 'begun', connection, giveUpFrom, begunMs }
}

/** What a message was sent with. */
type Sent = { readonly claimed: Claimed; readonly giveUpFrom: Temporal.Instant; readonly begunMs: number }

/** What a reply means for the delivery, and for its relay. */
function readOutcome(
  { clock, breaker }: ConnectionWork,
  line: RelayConnection,
  reply: Reply,
  { claimed, giveUpFrom, begunMs }: Sent,
): Outcome {
  const { attempts, ambiguous: mayHaveArrived } = claimed
  const attempt = { attempts, mayHaveArrived, giveUpFrom, jitter: Math.random() }
  const outcome = readReply(reply, attempt, clock.now())
  line.isBad ||= outcome.pausesRelay
  breaker.record(reply, outcome, begunMs)
  return outcome
}

const done = (outcome: Outcome): Begun => ({ kind: 'over', outcome })

/** The promise may fail while the lane waits for something else; who waits for it next is told. */
function recordOutcome(
  lane: ConnectionWork,
  line: RelayConnection,
  claimed: Claimed,
  outcome: Outcome | Promise<Outcome>,
): Promise<void> {
  const accounted = (async () => {
    await lane.outcomes.commit({ claimed, outcome: await outcome }, () => line.onStuck())
    await lane.queue.done(claimed)
    lane.onRecorded()
  })()
  accounted.catch(() => {})
  return accounted
}
