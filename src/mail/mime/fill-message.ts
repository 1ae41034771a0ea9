import { type CompiledMessage, type CompiledPiece, compileMessage, type MessageParts } from './compile-message.ts'
import type { ContentPiece, MessageSize } from './dot-stuffing.ts'
import { checkHeaderValue, type Mailbox, writeHeader, writeTo } from './header-fields.ts'

/**
 * A message as it goes over the wire. What readers share is the same piece for all of them, so pieces must not be changed;
 * what is theirs alone is a short text of a few hundred octets.
 */
export type Content = { readonly pieces: readonly ContentPiece[]; readonly measured: MessageSize }

/**
 * Fills a compiled message for one reader: CRLF line ends, no line beginning with a dot, ASCII throughout unless the
 * local part of the address is not.
 *
 * Values are raw: they are escaped in HTML and encoded here. In headers a value must be printable ASCII, else this
 * throws `mail.header-value`. `messageId` stands with or without its angle brackets.
 */
export function fillContent<S extends string>(
  compiled: CompiledMessage<S>,
  values: { readonly [K in S]: string },
  to: Mailbox,
  messageId: string,
): Content {
  const pieces: (Buffer | string)[] = []
  let { octets, eightBit } = compiled
  let short = ''
  for (const piece of compiled.pieces) {
    if (Buffer.isBuffer(piece)) {
      if (short !== '') pieces.push(short)
      short = ''
      pieces.push(piece)
    } else if (typeof piece === 'string') {
      short += piece
    } else {
      const filled = fillPiece(compiled, piece, values, to, messageId)
      // The other values are ASCII: quoted-printable, or checked.
      if (piece.kind === 'to') eightBit ||= !ASCII.test(filled)
      octets += piece.kind === 'to' ? Buffer.byteLength(filled) : filled.length
      short += filled
    }
  }
  if (short !== '') pieces.push(short)
  return { pieces, measured: { octets, eightBit } }
}

const ASCII = /^\p{ASCII}*$/u

/** All octets of a message. */
export function contentToBuffer({ pieces }: Content): Buffer {
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)))
}

/** The same in one buffer, for what is not sent by the thousand. */
export function fillMessage<S extends string>(...filling: Parameters<typeof fillContent<S>>): Buffer {
  return contentToBuffer(fillContent(...filling))
}

function fillPiece<S extends string>(
  { encode }: CompiledMessage<S>,
  piece: Exclude<CompiledPiece<S>, Buffer | string>,
  values: { readonly [K in S]: string },
  to: Mailbox,
  messageId: string,
): string {
  switch (piece.kind) {
    case 'to':
      return writeTo(to)
    case 'message-id':
      checkHeaderValue('Message-ID', messageId)
      return writeHeader('Message-ID', messageId.startsWith('<') ? messageId : `<${messageId}>`)
    case 'header': {
      const value = piece.value.map((part) => {
        if (typeof part === 'string') return part
        checkHeaderValue(piece.name, values[part.placeholder])
        return values[part.placeholder]
      })
      return writeHeader(piece.name, value.join(''))
    }
    case 'text':
      return encode(values[piece.placeholder])
    case 'html':
      return encode(escapeHtml(values[piece.placeholder]))
  }
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(value: string): string {
  if (!/[&<>"']/.test(value)) return value
  return value.replace(/[&<>"']/g, (character) => HTML_ESCAPES[character] ?? character)
}

/**
 * Writes a message to one mailbox: the octets that go over the wire, with CRLF line ends and no line beginning with a
 * dot. For mails that few get; what many get is compiled once and filled. `messageId` stands with or
 * without its angle brackets. Throws as `compileMessage` and `fillMessage` do.
 */
export async function composeSingle(parts: MessageParts, to: Mailbox, messageId: string): Promise<Buffer> {
  return fillMessage(await compileMessage(parts, {}), {}, to, messageId)
}
