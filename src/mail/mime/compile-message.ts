import { isAscii } from 'node:buffer'
import MailComposer from 'nodemailer/lib/mail-composer'
import type { Temporal } from '../../clock.ts'
import { CourantError } from '../../errors.ts'
import { type MessageSize, measureMessage } from './dot-stuffing.ts'
import { cleanName, fitsLines } from './header-fields.ts'
import { cutAtMarkers, type Markers, type Placeholder } from './markers.ts'
import { createPlaceholders } from './placeholders.ts'
import { encodePiece, encodeValue, isLiteral } from './quoted-printable.ts'

/** What all readers of a message share. Markers may stand in `text`, in `html` and in the values of `headers`. */
export type MessageParts = {
  readonly from: { readonly name: string; readonly address: string }
  readonly replyTo: { readonly name: string; readonly address: string } | null
  readonly subject: string
  readonly date: Temporal.Instant
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly text: string
  /** Null for a message of text only. */
  readonly html: string | null
}

/** A message encoded once: octets all readers batch, and between them what is encoded for each. */
export type CompiledMessage<S extends string> = MessageSize & {
  readonly pieces: readonly CompiledPiece<S>[]
  /** `encodeValue`, from memory where many readers have the same, a date or a sentence. */
  readonly encode: (value: string) => string
}

/** A text is a short piece that all readers share. */
export type CompiledPiece<S extends string> =
  | Buffer
  | string
  | { readonly kind: 'to' }
  | { readonly kind: 'message-id' }
  | { readonly kind: 'header'; readonly name: string; readonly value: readonly (string | Placeholder<S>)[] }
  | { readonly kind: 'text' | 'html'; readonly placeholder: S }

/**
 * Compiles a message into pieces for `fillMessage`; the same parts always give the same octets.
 *
 * nodemailer composes headers and MIME structure, once, with a placeholder wherever something follows that it does not encode
 * itself: both bodies, To, Message-ID, and each header that holds a marker. So a marker is found where it was written,
 * never in encoded text where a soft break could have cut it. Both bodies end with a line break, added where it is
 * missing. Throws `mail.placeholder_lost` when a marker not in `optional` is nowhere, `mail.placeholder_misplaced` when one is where
 * none may be, and `mail.header-not-ascii` for an address that only SMTPUTF8 could carry.
 */
export async function compileMessage<S extends string>(
  parts: MessageParts,
  markers: Markers<S>,
  optional: readonly S[] = [],
): Promise<CompiledMessage<S>> {
  checkPlaces(parts, markers)
  const placeholders = createPlaceholders<CompiledPiece<S>>()
  const composed = await new MailComposer({
    headers: parts.headers.map(([key, value]) => {
      const cut = cutAtMarkers(value, markers)
      const fixed = cut.every((piece) => typeof piece === 'string')
      return { key, value: fixed ? value : placeholders.insert([{ kind: 'header', name: key, value: cut }]) }
    }),
    from: { ...parts.from, name: cleanName(parts.from.name) },
    to: { name: '', address: `${placeholders.insert([{ kind: 'to' }])}@part.invalid` },
    ...(parts.replyTo === null ? {} : { replyTo: { ...parts.replyTo, name: cleanName(parts.replyTo.name) } }),
    subject: parts.subject,
    messageId: `<${placeholders.insert([{ kind: 'message-id' }])}@part.invalid>`,
    date: new Date(parts.date.epochMilliseconds),
    text: placeholders.insert(cutBody('text', parts.text, markers)),
    ...(parts.html === null ? {} : { html: placeholders.insert(cutBody('html', parts.html, markers)) }),
    encoding: 'quoted-printable',
    newline: 'windows',
    // RFC 2045 §6.7: "=_" cannot occur in quoted-printable, so no body can hold a line that ends its part.
    boundaryPrefix: '----=_Courant',
    baseBoundary: 'Message',
  })
    .compile()
    .build()
  checkHead(composed)
  const pieces = placeholders.split(composed.toString('utf8'))
  checkComplete(pieces, markers, optional)
  return { pieces: pieces.map(shorten), encode: rememberEncoded(), ...measureMessage(pieces.filter(Buffer.isBuffer)) }
}

/** Shorter pieces that follow one another are joined: each costs the kernel more than a copy of so few octets. */
const SHORT = 4096

function shorten<S extends string>(piece: CompiledPiece<S>): CompiledPiece<S> {
  return Buffer.isBuffer(piece) && piece.length < SHORT ? piece.toString('utf8') : piece
}

/** Values that are kept encoded; then it begins anew. */
const MOST_KEPT = 1000

/** Encoding a sentence with an umlaut takes 7 µs. */
function rememberEncoded(): (value: string) => string {
  const known = new Map<string, string>()
  return (value) => {
    if (isLiteral(value)) return encodeValue(value)
    const old = known.get(value)
    if (old !== undefined) return old
    const encoded = encodeValue(value)
    if (known.size >= MOST_KEPT) known.clear()
    known.set(value, encoded)
    return encoded
  }
}

function cutBody<S extends string>(kind: 'text' | 'html', body: string, markers: Markers<S>): CompiledPiece<S>[] {
  const ended = /[\r\n]$/.test(body) ? body : `${body}\n`
  return cutAtMarkers(ended, markers).map((piece) =>
    typeof piece === 'string' ? encodePiece(piece) : { kind, placeholder: piece.placeholder },
  )
}

function checkPlaces<S extends string>(parts: MessageParts, markers: Markers<S>): void {
  const fixed = [parts.subject, parts.from.name, parts.replyTo?.name ?? '', ...parts.headers.map(([name]) => name)]
  for (const text of fixed) {
    const found = cutAtMarkers(text, markers).find((piece) => typeof piece !== 'string')
    if (found === undefined) continue
    throw new CourantError('mail.placeholder_misplaced', {
      what: `The placeholder ${found.placeholder} stands in the subject, in a name or in the name of a header.`,
      why: 'Those are the same for every reader.',
      todo: 'Keep it to the text, the HTML and the values of further headers.',
    })
  }
}

function checkHead(composed: Buffer): void {
  // RFC 6532: only a message that is sent with SMTPUTF8 may, and that hangs on the reader's address alone.
  if (!isAscii(composed))
    throw new CourantError('mail.header-not-ascii', {
      what: 'A header of the message has letters beyond ASCII that cannot be encoded.',
      why: 'They stand before the @ of the sender or of the address for answers.',
      todo: 'Use an address in ASCII letters.',
    })
  if (fitsLines(composed.toString('utf8'))) return
  throw new CourantError('mail.header-too-long', {
    what: 'A header of the message has a line of more than 998 octets that cannot be folded.',
    todo: 'Shorten the subject or the header, or put spaces in.',
  })
}

function checkComplete<S extends string>(
  pieces: readonly CompiledPiece<S>[],
  markers: Markers<S>,
  optional: readonly S[],
): void {
  const found = new Set<S>(pieces.flatMap(placeholdersOf))
  for (const placeholder in markers) {
    if (found.has(placeholder) || optional.includes(placeholder)) continue
    throw new CourantError('mail.placeholder_lost', {
      what: `The placeholder ${placeholder} has no place in the message.`,
      why: 'Its marker was made, but stands neither in the text, nor in the HTML, nor in a header.',
      todo: `Put it back into the template, or make the placeholder optional.`,
    })
  }
}

function placeholdersOf<S extends string>(piece: CompiledPiece<S>): S[] {
  if (Buffer.isBuffer(piece) || typeof piece === 'string' || piece.kind === 'to' || piece.kind === 'message-id')
    return []
  if (piece.kind === 'header')
    return piece.value.flatMap((part) => (typeof part === 'string' ? [] : [part.placeholder]))
  return [piece.placeholder]
}
