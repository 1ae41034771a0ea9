import type { ServerReply } from './reply-parser.ts'
import { cleanText, parseEnhanced } from './reply-text.ts'

/**
 * What came of a message.
 *
 * `refused` (5xx) and `deferred` (4xx) are what the relay said about this message; `broken` is its own trouble: not
 * reached, connection lost, out of time, not logged in, out of step, or 421 (RFC 5321 §3.8) at any point. `ambiguous`
 * says that the end of the content was sent and no reply to it came that can be understood, so that the message may have
 * been taken. Texts have one line of at most 500 characters, and may repeat the address.
 */
export type MessageReply = { readonly kind: 'accepted'; readonly text: string } | Rejection | BrokenConnection

export type Rejection = {
  readonly kind: 'refused' | 'deferred'
  readonly code: number
  readonly enhanced: string | null
  readonly text: string
  readonly stage: SendStage
}

export type BrokenConnection = {
  readonly kind: 'broken'
  readonly stage: 'connect' | 'greeting' | 'auth' | SendStage
  readonly ambiguous: boolean
  readonly text: string
}

export type SendStage = 'mail' | 'rcpt' | 'data' | 'content'

/** Says what a reply means that is no step forward: 4xx and 5xx are about the message, all else about the relay. */
export function readRejection({ code, text }: ServerReply, stage: SendStage): Rejection | BrokenConnection {
  // RFC 4954 §6: the relay wants a login first, which is not this message's fault.
  if (code === 530) return broken('auth', text)
  // RFC 5321 §3.8: the relay is closing, and has not taken the message.
  if (code === 421) return broken(stage, text)
  if (code < 400) return broken(stage, `The relay gave a reply that does not fit: ${text}`, stage === 'content')
  const said = cleanText(text)
  return { kind: code < 500 ? 'deferred' : 'refused', code, enhanced: parseEnhanced(said), text: said, stage }
}

/** Says what the reply to the end of the content means. RFC 5321 §4.1.1.4. */
export function readFinalReply(said: ServerReply): MessageReply {
  if (said.code >= 200 && said.code < 300) return { kind: 'accepted', text: cleanText(said.text) }
  return readRejection(said, 'content')
}

/** The relay's own trouble; in doubt only where the caller says so. */
export function broken(stage: BrokenConnection['stage'], text: string, ambiguous = false): BrokenConnection {
  return { kind: 'broken', stage, ambiguous, text: cleanText(text) }
}
