import { setTimeout as pause } from 'node:timers/promises'
import {
  type ContentPiece,
  endOfContent,
  type MessageSize,
  measureMessage,
  rememberStuffed,
  stuffDots,
  type Tail,
} from '../mime/dot-stuffing.ts'
import type { Capabilities } from './capabilities.ts'
import { type Envelope, writeEnvelope } from './envelope.ts'
import { continueEnvelope, type EnvelopeStage, startMessage } from './envelope-state.ts'
import { type BrokenConnection, broken, type MessageReply, type Rejection, readFinalReply } from './reply.ts'
import type { AwaitedReply } from './reply-parser.ts'
import type { RelaySocket } from './socket.ts'
import type { SmtpTimeouts } from './timeouts.ts'

/**
 * A connection that takes one message after another, each alone. Nothing throws, and everything ends within the relay's
 * timeouts.
 *
 * A message goes out as a whole with `send`, or in parts, so that it can wait for the commit of the one before with all
 * but its end on the wire: `begin`, `write`, then `finish` or `abandon`. Octets must be those of a message with CRLF line
 * ends; they are not copied and must not be changed, long ones never, since the next message may bring them again.
 */
export type SmtpConnection = {
  /** All the parts in a row. */
  readonly send: (envelope: Envelope, message: ContentPiece | readonly ContentPiece[]) => Promise<MessageReply>
  /**
   * Says who writes to whom, and ends with null once the relay waits for the content. Where the relay offers PIPELINING
   * the commands go out at once, even while `finish` of the message before still waits; elsewhere behind its reply.
   */
  readonly begin: (envelope: Envelope, measured: MessageSize) => Promise<Rejection | BrokenConnection | null>
  /** Sends octets of the content of the message begun; if that fails, `finish` says so. */
  readonly write: (pieces: readonly ContentPiece[]) => void
  /**
   * Waits until the content has arrived, as far as that can be told: if its connection breaks in the middle of it, `finish`
   * ends without doubt. For a message of which a copy may have arrived.
   */
  readonly awaitArrival: () => Promise<void>
  /** Ends the content, which makes the message the relay's, and ends with its reply. RFC 5321 §4.1.1.4. */
  readonly finish: () => Promise<MessageReply>
  /** Gives up the message begun, whose content is not ended, by closing the connection: so no relay may deliver it. */
  readonly abandon: () => Promise<void>
  /** Whether another message can be sent; false for ever once it is false. */
  readonly usable: boolean
  /** Waits for a message whose content is ended, abandons one that is begun, and says goodbye. */
  readonly close: () => Promise<void>
}

const BUSY = 'Another message is on this connection.'
const NOT_BEGUN = 'No message was begun on this connection.'
const CLOSED = 'The connection was closed.'
const ABANDONED = 'The message was abandoned.'
/** RFC 3463 §3.7: the message cannot be carried as it is. */
const UNCLEAN: Rejection = {
  kind: 'refused',
  code: 554,
  enhanced: '5.6.0',
  text: '554 5.6.0 The message has a dot after a line end that is not CRLF.',
  stage: 'content',
}

/** Talks on a wire whose relay is ready for messages. */
export function openSession(wire: RelaySocket, offer: Capabilities, patience: SmtpTimeouts): SmtpConnection {
  const look = rememberStuffed()
  let phase: 'idle' | 'beginning' | 'content' = 'idle'
  let tail: Tail = 'crlf'
  let unclean = false
  let needsReset = false
  /** The reply to the last message's end, while it is under way. */
  let finishing: Promise<MessageReply> | null = null
  let closing = false

  async function begin(envelope: Envelope, measured: MessageSize): Promise<Rejection | BrokenConnection | null> {
    if (closing) return broken('mail', CLOSED)
    if (phase !== 'idle') return broken('mail', BUSY)
    const commands = writeEnvelope(envelope, measured, offer)
    if ('kind' in commands) return commands
    phase = 'beginning'
    // RFC 2920 §3.1: the next envelope may go out behind the end of a content, but only where pipelining is offered.
    if (!offer.pipelining && finishing !== null) await finishing
    let step = startMessage(commands, needsReset, offer.pipelining)
    needsReset = false
    const replies: Promise<AwaitedReply>[] = []
    while (step.kind === 'wait') {
      if (step.say !== '') wire.send([step.say])
      for (const stage of step.more) replies.push(wire.receive(timeoutFor(stage, patience)))
      step = continueEnvelope(step.state, (await replies.shift()) ?? { kind: 'ended', why: NOT_BEGUN })
    }
    phase = step.kind === 'content' ? 'content' : 'idle'
    tail = 'crlf'
    unclean = false
    if (step.kind === 'content') return null
    needsReset = step.reusable
    if (!step.reusable) void wire.end(step.reply.text)
    return step.reply
  }

  function write(pieces: readonly ContentPiece[]): void {
    if (phase !== 'content' || unclean) return
    const wired = stuffDots(pieces, tail, look)
    unclean = wired === null
    if (wired === null) return
    tail = wired.tail
    wire.send(wired.pieces)
  }

  async function finish(): Promise<MessageReply> {
    if (phase !== 'content') return broken('content', wire.ended ?? NOT_BEGUN)
    phase = 'idle'
    if (unclean) {
      await wire.end(UNCLEAN.text)
      return UNCLEAN
    }
    if (wire.ended !== null) return broken('content', wire.ended)
    wire.send([endOfContent(tail)])
    const verdict = wire.receive(patience.contentMs + patience.finishMs).then(readEnd)
    finishing = verdict
    const reply = await verdict
    if (finishing === verdict) finishing = null
    if (reply.kind === 'broken') void wire.end(reply.text)
    return reply
  }

  async function abandon(): Promise<void> {
    if (phase === 'idle') return
    // Leaving before this reply would leave the message before in doubt.
    if (finishing !== null) await finishing
    // RFC 5321 §4.1.1.4: only the end of the content makes the relay responsible. There is no other way out of it.
    phase = 'idle'
    await wire.end(ABANDONED)
  }

  async function send(envelope: Envelope, message: ContentPiece | readonly ContentPiece[]): Promise<MessageReply> {
    if (finishing !== null) return broken('mail', BUSY)
    const pieces = typeof message === 'string' || message instanceof Uint8Array ? [message] : message
    const refusal = await begin(envelope, measureMessage(pieces))
    if (refusal !== null) return refusal
    write(pieces)
    return finish()
  }

  async function close(): Promise<void> {
    closing = true
    await abandon()
    if (finishing !== null) await finishing
    wire.send(['QUIT\r\n'])
    await wire.receive(patience.goodbyeMs)
    await wire.end(CLOSED)
  }

  return {
    send,
    begin,
    write,
    awaitArrival: () => pause(patience.arrivalMs),
    finish,
    abandon,
    close,
    get usable() {
      return !closing && wire.ended === null
    },
  }
}

function readEnd(said: AwaitedReply): MessageReply {
  return said.kind === 'reply' ? readFinalReply(said) : broken('content', said.why, true)
}

function timeoutFor(stage: EnvelopeStage, patience: SmtpTimeouts): number {
  switch (stage) {
    case 'reset':
    case 'mail':
      return patience.mailMs
    case 'rcpt':
      return patience.rcptMs
    case 'data':
      return patience.dataMs
    case 'empty':
      return patience.finishMs
  }
}
