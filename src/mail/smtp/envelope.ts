import { envelopeAddress } from '../addresses/address.ts'
import type { MessageSize } from '../mime/dot-stuffing.ts'
import type { Capabilities } from './capabilities.ts'
import type { Rejection, SendStage } from './reply.ts'

/** Who sends, and to whom; `from` is empty for the null sender of RFC 5321 §4.5.5. */
export type Envelope = { readonly from: string; readonly to: string }

/** The commands that begin a message, each with its CRLF. */
export type Commands = { readonly mail: string; readonly rcpt: string }

/** What would end the command and start another, or the path. */
const UNSAYABLE = /[\p{Cc}<>]/u

/** Writes MAIL and RCPT, or refuses in the relay's place what it cannot take by its own offer. */
export function writeEnvelope(envelope: Envelope, measure: MessageSize, offer: Capabilities): Commands | Rejection {
  const from = envelopeAddress(envelope.from)
  const to = envelopeAddress(envelope.to)
  if (UNSAYABLE.test(from.address)) return refuse(553, '5.1.7', 'The sender cannot be sent from.', 'mail')
  if (to.address === '' || UNSAYABLE.test(to.address)) {
    return refuse(553, '5.1.3', 'The address cannot be sent to.', 'rcpt')
  }
  const smtpUtf8 = from.needsSmtpUtf8 || to.needsSmtpUtf8
  // RFC 6531 §3.5 and RFC 6533: the relay cannot carry an address whose local part is not ASCII.
  if (smtpUtf8 && !offer.smtpUtf8) return refuse(553, '5.6.7', NO_UTF8, 'rcpt')
  if (measure.eightBit && !offer.eightBit) return refuse(554, '5.6.3', 'The relay takes ASCII only (8BITMIME).', 'mail')
  if (offer.size !== null && offer.size > 0 && measure.octets > offer.size) {
    const text = `The message has ${measure.octets} octets; the relay takes ${offer.size} at most (SIZE).`
    return refuse(552, '5.3.4', text, 'mail')
  }
  const size = offer.size === null ? '' : ` SIZE=${measure.octets}`
  const body = measure.eightBit ? ' BODY=8BITMIME' : ''
  const utf8 = smtpUtf8 ? ' SMTPUTF8' : ''
  return { mail: `MAIL FROM:<${from.address}>${size}${body}${utf8}\r\n`, rcpt: `RCPT TO:<${to.address}>\r\n` }
}

const NO_UTF8 = 'The relay does not take addresses with letters beyond ASCII before the @ (SMTPUTF8).'

function refuse(code: number, enhanced: string, why: string, stage: SendStage): Rejection {
  return { kind: 'refused', code, enhanced, text: `${code} ${enhanced} ${why}`, stage }
}
