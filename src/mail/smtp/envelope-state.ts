import type { Commands } from './envelope.ts'
import { type Broken, broken, type Refusal, readRefusal } from './reply.ts'
import type { Said } from './reply-parser.ts'

/** The replies that lead to the content; `empty` is the one to the end of a message nobody gets. */
export type BeginStage = 'reset' | 'mail' | 'rcpt' | 'data' | 'empty'

/** Where the beginning of a message stands. */
export type Beginning = {
  readonly awaits: BeginStage
  readonly commands: Commands
  /** All commands went out together (RFC 2920), so all their replies are still to come. */
  readonly pipelined: boolean
  /** What the relay said first against the message. */
  readonly refusal: Refusal | null
}

/**
 * `wait` says something, perhaps nothing, and awaits these replies besides those it awaits already. After `over` with
 * `reusable` the next message needs a RSET first; without, the connection is of no more use.
 */
export type BeginStep =
  | { readonly kind: 'wait'; readonly say: string; readonly more: readonly BeginStage[]; readonly state: Beginning }
  | { readonly kind: 'content' }
  | { readonly kind: 'over'; readonly reply: Refusal | Broken; readonly reusable: boolean }

const RSET = 'RSET\r\n'
const DATA = 'DATA\r\n'

/** Begins a message: RSET where it is needed, MAIL, RCPT, DATA, in one go where the relay takes that. */
export function startMessage(commands: Commands, reset: boolean, pipelined: boolean): BeginStep {
  const awaits: BeginStage = reset ? 'reset' : 'mail'
  const state: Beginning = { awaits, commands, pipelined, refusal: null }
  if (!pipelined) return { kind: 'wait', say: reset ? RSET : commands.mail, more: [awaits], state }
  const say = `${reset ? RSET : ''}${commands.mail}${commands.rcpt}${DATA}`
  return { kind: 'wait', say, more: reset ? ['reset', 'mail', 'rcpt', 'data'] : ['mail', 'rcpt', 'data'], state }
}

/** Goes one step on. What the relay once said against the message stays, even if it dies before the other replies. Pure. */
export function hearBegin(state: Beginning, said: Said): BeginStep {
  if (said.kind === 'ended') return breakOff(state, said.why)
  if (said.code === 421) return over(state.refusal ?? readRefusal(said, stageOf(state.awaits)), false)
  const good = said.code >= 200 && said.code < 300
  switch (state.awaits) {
    case 'reset':
      return good ? goOn(state, 'mail', state.commands.mail) : over(broken('mail', said.text), false)
    case 'mail':
      return good ? goOn(state, 'rcpt', state.commands.rcpt) : object(state, readRefusal(said, 'mail'), 'rcpt')
    case 'rcpt':
      return good ? goOn(state, 'data', DATA) : object(state, readRefusal(said, 'rcpt'), 'data')
    case 'data':
      return hearData(state, said.code >= 300 && said.code < 400, said.code, readRefusal(said, 'data'))
    case 'empty':
      return over(state.refusal ?? broken('data', said.text), true)
  }
}

/** RFC 2920 §3.1: a relay may ask for content although it refused the recipient. It gets none, and a lone dot. */
function hearData(state: Beginning, asks: boolean, code: number, otherwise: Refusal | Broken): BeginStep {
  const { refusal } = state
  if (refusal === null) return asks ? { kind: 'content' } : over(otherwise, otherwise.kind !== 'broken')
  // Without a sender there is no message to end, and no telling what this relay would do with one.
  if (!asks || refusal.stage !== 'rcpt') return over(refusal, code >= 400)
  return { kind: 'wait', say: '.\r\n', more: ['empty'], state: { ...state, awaits: 'empty' } }
}

function goOn(state: Beginning, awaits: BeginStage, say: string): BeginStep {
  const next = { ...state, awaits }
  return { kind: 'wait', say: state.pipelined ? '' : say, more: state.pipelined ? [] : [awaits], state: next }
}

/** Keeps the first objection, and hears the replies that are under way all the same. */
function object(state: Beginning, reply: Refusal | Broken, next: BeginStage): BeginStep {
  const first = state.refusal ?? reply
  if (first.kind === 'broken') return over(first, false)
  if (!state.pipelined) return over(first, true)
  return { kind: 'wait', say: '', more: [], state: { ...state, awaits: next, refusal: first } }
}

function breakOff({ refusal, awaits }: Beginning, why: string): BeginStep {
  return over(refusal ?? broken(stageOf(awaits), why), false)
}

function stageOf(awaits: BeginStage): 'mail' | 'rcpt' | 'data' {
  if (awaits === 'reset') return 'mail'
  return awaits === 'empty' ? 'data' : awaits
}

function over(reply: Refusal | Broken, reusable: boolean): BeginStep {
  return { kind: 'over', reply, reusable }
}
