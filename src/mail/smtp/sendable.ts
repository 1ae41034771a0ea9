import { type ContentPiece, type MessageSize, stuffDots } from '../mime/dot-stuffing.ts'
import { fitsLines } from '../mime/header-fields.ts'
import { NO_CAPABILITIES } from './capabilities.ts'
import { type Envelope, writeEnvelope } from './envelope.ts'

/**
 * Why a message cannot be handed to every relay, in one sentence; null where it can. The relay that is thought of knows
 * nothing beyond RFC 5321: neither 8BITMIME nor SMTPUTF8.
 */
export function whyNotSendable(
  envelope: Envelope,
  { pieces, measured }: { readonly pieces: readonly ContentPiece[]; readonly measured: MessageSize },
): string | null {
  const commands = writeEnvelope(envelope, measured, NO_CAPABILITIES)
  if ('kind' in commands) return commands.text.replace(/^\d{3} [\d.]+ /, '')
  if (stuffDots(pieces, 'crlf') === null) return 'A dot stands behind a line end that is not CRLF.'
  return whyNotHead(headOf(pieces))
}

function headOf(pieces: readonly ContentPiece[]): string {
  let head = ''
  for (const piece of pieces) {
    head += typeof piece === 'string' ? piece : Buffer.from(piece).toString('latin1')
    const end = head.indexOf('\r\n\r\n')
    if (end >= 0) return head.slice(0, end)
  }
  return head
}

/** RFC 5322 §2.2: printable ASCII in lines of at most 998 octets. */
function whyNotHead(head: string): string | null {
  if (/[^\t\r\n\x20-\x7e]|\r(?!\n)|(?<!\r)\n/.test(head)) return 'A header has characters that are not printable ASCII.'
  return fitsLines(head) ? null : 'A header has a line of more than 998 octets.'
}
