import type { Clock, Temporal } from '../clock.ts'
import type { Relay } from '../mail/relays/relay.ts'
import type { MessageReply } from '../mail/smtp/reply.ts'
import type { SmtpConnection } from '../mail/smtp/session.ts'
import type { CircuitBreaker } from './circuit-breaker.ts'
import type { Claimed } from './claim.ts'
import { awaitLastCommit, connect, disconnect, type RelayConnection, UNREACHABLE } from './connection.ts'
import type { IdleTracker } from './idle.ts'
import type { Message } from './message.ts'
import { type Outcome, readReply, requeue, skip } from './outcome/outcome.ts'
import type { OutcomeBatcher } from './outcome-batcher.ts'
import type { DeliveryQueue } from './queue.ts'
import type { Throttle } from './throttle.ts'

/** What one connection needs for its work. */
export type ConnectionWork = {
  readonly relay: Relay
  readonly throttle: Throttle
  readonly breaker: CircuitBreaker
  readonly queue: DeliveryQueue
  readonly outcomes: OutcomeBatcher
  /** The message, or the outcome of a delivery whose message cannot be rendered. */
  readonly write: (claimed: Claimed) => Promise<Message | Outcome>
  readonly clock: Clock
  readonly idle: IdleTracker
  readonly onRecorded: () => void
  /** Once aborted, no further message is begun. */
  readonly signal: AbortSignal
}

/** The result of beginning a message: all but its end is written, or there is none to send, or the delivery is returned. */
export type Begun =
  | {
      readonly kind: 'begun'
      readonly connection: SmtpConnection
      readonly giveUpFrom: Temporal.Instant
      readonly begunMs: number
    }
  | { readonly kind: 'done'; readonly outcome: Outcome }
  | { readonly kind: 'returned' }

/** Renders the message and writes all but its end; with pipelining, behind the previous message whose reply is still to come. */
export async function beginMessage(work: ConnectionWork, conn: RelayConnection, claimed: Claimed): Promise<Begun> {
  if (claimed.skip !== null) return done(skip(claimed.skip))
  const message = await work.write(claimed)
  if ('state' in message) return done(message)
  await work.throttle()
  const trouble = await work.breaker.enter()
  if (trouble !== null) {
    conn.trouble = trouble
    return done(requeue(trouble.reason, trouble.reply))
  }
  if (conn.connection !== null && (conn.isBad || !conn.connection.usable)) {
    await awaitLastCommit(conn)
    await disconnect(conn)
  }
  if (conn.connection === null) await connect(conn, work.relay, work.clock, work.signal)
  if (work.signal.aborted) return { kind: 'returned' }
  const { connection } = conn
  if (connection === null) return done(requeue(UNREACHABLE, conn.trouble?.reply ?? null))
  // Rendering, connecting and throttling may each have taken longer than the last check of the reader is valid.
  const skipReason = await work.queue.whySkip(claimed)
  if (skipReason !== null) return done(skip(skipReason))
  const { envelope, content, giveUpFrom } = message
  const begunMs = work.clock.monotonicMs()
  const reply = await connection.begin(envelope, content.measured)
  if (reply !== null) return done(readOutcome(work, conn, reply, { claimed, giveUpFrom, begunMs }))
  connection.write(content.pieces)
  return { kind: 'begun', connection, giveUpFrom, begunMs }
}

/** Ends the content of the message, once it is certain that its reader may receive it and that its batch is still leased. */
export async function finishMessage(
  work: ConnectionWork,
  conn: RelayConnection,
  claimed: Claimed,
  begun: Begun,
): Promise<{ readonly outcome: Outcome | Promise<Outcome> } | null> {
  if (begun.kind === 'returned') return null
  if (begun.kind === 'done') return begun
  const { connection, giveUpFrom, begunMs } = begun
  if (claimed.ambiguous) await connection.awaitArrival()
  // The message may have been begun long ago: the relay or the commit was slow.
  const ended = await work.queue.endIfAllowed(claimed, () => connection.finish())
  if (ended.skipReason === null && ended.value !== null) {
    const sent = { claimed, giveUpFrom, begunMs }
    return { outcome: ended.value.then((reply) => readOutcome(work, conn, reply, sent)) }
  }
  await connection.abandon()
  await disconnect(conn)
  return ended.skipReason === null ? null : { outcome: skip(ended.skipReason) }
}

/** The delivery that a message was sent for, and when. */
type Sent = { readonly claimed: Claimed; readonly giveUpFrom: Temporal.Instant; readonly begunMs: number }

/** The outcome that a reply means for the delivery; the circuit breaker of its relay records it. */
function readOutcome(
  { clock, breaker }: ConnectionWork,
  conn: RelayConnection,
  reply: MessageReply,
  { claimed, giveUpFrom, begunMs }: Sent,
): Outcome {
  const { attempts, ambiguous: mayHaveArrived } = claimed
  const attempt = { attempts, mayHaveArrived, giveUpFrom, jitter: Math.random() }
  const outcome = readReply(reply, attempt, clock.now())
  conn.isBad ||= outcome.pausesRelay
  breaker.record(reply, outcome, begunMs)
  return outcome
}

const done = (outcome: Outcome): Begun => ({ kind: 'done', outcome })
