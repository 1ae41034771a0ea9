import type { Commands } from './envelope.ts'
import { type BrokenConnection, broken, type Rejection, readRejection } from './reply.ts'
import type { AwaitedReply } from './reply-parser.ts'

/** The replies that lead to the content; `empty` is the one to the end of a message nobody gets. */
export type EnvelopeStage = 'reset' | 'mail' | 'rcpt' | 'data' | 'empty'

/** Where the beginning of a message stands. */
type EnvelopeState = {
  readonly awaits: EnvelopeStage
  readonly commands: Commands
  /** All commands went out together (RFC 2920), so all their replies are still to come. */
  readonly pipelined: boolean
  /** What the relay said first against the message. */
  readonly refusal: Rejection | null
}

/**
 * `wait` says something, perhaps nothing, and awaits these replies besides those it awaits already. After `over` with
 * `reusable` the next message needs a RSET first; without, the connection is of no more use.
 */
export type EnvelopeStep =
  | {
      readonly kind: 'wait'
      readonly say: string
      readonly more: readonly EnvelopeStage[]
      readonly state: EnvelopeState
    }
  | { readonly kind: 'content' }
  | { readonly kind: 'over'; readonly reply: Rejection | BrokenConnection; readonly reusable: boolean }

const RSET = 'RSET\r\n'
const DATA = 'DATA\r\n'

/** Begins a message: RSET where it is needed, MAIL, RCPT, DATA, in one go where the relay takes that. */
export function startMessage(commands: Commands, reset: boolean, pipelined: boolean): EnvelopeStep {
  const awaits: EnvelopeStage = reset ? 'reset' : 'mail'
  const state: EnvelopeState = { awaits, commands, pipelined, refusal: null }
  if (!pipelined) return { kind: 'wait', say: reset ? RSET : commands.mail, more: [awaits], state }
  const say = `${reset ? RSET : ''}${commands.mail}${commands.rcpt}${DATA}`
  return { kind: 'wait', say, more: reset ? ['reset', 'mail', 'rcpt', 'data'] : ['mail', 'rcpt', 'data'], state }
}

/** Goes one step on. What the relay once said against the message stays, even if it dies before the other replies. Pure. */
export function continueEnvelope(state: EnvelopeState, said: AwaitedReply): EnvelopeStep {
  if (said.kind === 'ended') return breakOff(state, said.why)
  if (said.code === 421) return ended(state.refusal ?? readRejection(said, stageOf(state.awaits)), false)
  const good = said.code >= 200 && said.code < 300
  switch (state.awaits) {
    case 'reset':
      return good ? next(state, 'mail', state.commands.mail) : ended(broken('mail', said.text), false)
    case 'mail':
      return good
        ? next(state, 'rcpt', state.commands.rcpt)
        : recordRejection(state, readRejection(said, 'mail'), 'rcpt')
    case 'rcpt':
      return good ? next(state, 'data', DATA) : recordRejection(state, readRejection(said, 'rcpt'), 'data')
    case 'data':
      return afterData(state, said.code >= 300 && said.code < 400, said.code, readRejection(said, 'data'))
    case 'empty':
      return ended(state.refusal ?? broken('data', said.text), true)
  }
}

/** RFC 2920 §3.1: a relay may ask for content although it refused the recipient. It gets none, and a lone dot. */
function afterData(
  state: EnvelopeState,
  asks: boolean,
  code: number,
  otherwise: Rejection | BrokenConnection,
): EnvelopeStep {
  const { refusal } = state
  if (refusal === null) return asks ? { kind: 'content' } : ended(otherwise, otherwise.kind !== 'broken')
  // Without a sender there is no message to end, and no telling what this relay would do with one.
  if (!asks || refusal.stage !== 'rcpt') return ended(refusal, code >= 400)
  return { kind: 'wait', say: '.\r\n', more: ['empty'], state: { ...state, awaits: 'empty' } }
}

function next(state: EnvelopeState, awaits: EnvelopeStage, say: string): EnvelopeStep {
  const next = { ...state, awaits }
  return { kind: 'wait', say: state.pipelined ? '' : say, more: state.pipelined ? [] : [awaits], state: next }
}

/** Keeps the first objection, and hears the replies that are under way all the same. */
function recordRejection(state: EnvelopeState, reply: Rejection | BrokenConnection, next: EnvelopeStage): EnvelopeStep {
  const first = state.refusal ?? reply
  if (first.kind === 'broken') return ended(first, false)
  if (!state.pipelined) return ended(first, true)
  return { kind: 'wait', say: '', more: [], state: { ...state, awaits: next, refusal: first } }
}

function breakOff({ refusal, awaits }: EnvelopeState, why: string): EnvelopeStep {
  return ended(refusal ?? broken(stageOf(awaits), why), false)
}

function stageOf(awaits: EnvelopeStage): 'mail' | 'rcpt' | 'data' {
  if (awaits === 'reset') return 'mail'
  return awaits === 'empty' ? 'data' : awaits
}

function ended(reply: Rejection | BrokenConnection, reusable: boolean): EnvelopeStep {
  return { kind: 'over', reply, reusable }
}
