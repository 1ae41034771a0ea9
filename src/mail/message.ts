import MailComposer from 'nodemailer/lib/mail-composer'
import type { Temporal } from '../clock.ts'
import { CourantError } from '../errors.ts'
import { checkHeaderValue, fitsLines, type Mailbox, writeHeader, writeTo } from './header.ts'
import { encodePiece } from './quoted-printable.ts'
import { startSeams } from './seams.ts'
import { cutAtMarkers, type Markers, type Slot } from './slots.ts'

/** What all readers of a message share. Markers may stand in `text`, in `html` and in the values of `headers`. */
export type Parts = {
  readonly from: { readonly name: string; readonly address: string }
  readonly replyTo: { readonly name: string; readonly address: string } | null
  readonly subject: string
  readonly date: Temporal.Instant
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly text: string
  /** Null for a message of text only. */
  readonly html: string | null
}

/** A message encoded once: octets all readers share, and between them what is encoded for each. */
export type Compiled<S extends string> = { readonly pieces: readonly Piece<S>[] }

type Piece<S extends string> =
  | Buffer
  | { readonly kind: 'to' }
  | { readonly kind: 'message-id' }
  | { readonly kind: 'header'; readonly name: string; readonly value: readonly (string | Slot<S>)[] }
  | { readonly kind: 'text' | 'html'; readonly slot: S }

/**
 * Compiles a message into pieces for `fillMessage`; the same parts always give the same octets.
 *
 * nodemailer composes headers and MIME structure, once, with a seam wherever something follows that it does not encode
 * itself: both bodies, To, Message-ID, and each header that holds a marker. So a marker is found where it was written,
 * never in encoded text where a soft break could have cut it. Both bodies end with a line break, added where it is
 * missing. Throws `mail.slot-lost` when a marker not in `optional` is nowhere, and `mail.slot-misplaced` when one is where
 * none may be.
 */
export async function compileMessage<S extends string>(
  parts: Parts,
  markers: Markers<S>,
  optional: readonly S[] = [],
): Promise<Compiled<S>> {
  checkPlaces(parts, markers)
  const seams = startSeams<Piece<S>>()
  const composed = await new MailComposer({
    headers: parts.headers.map(([key, value]) => {
      const cut = cutAtMarkers(value, markers)
      const fixed = cut.every((piece) => typeof piece === 'string')
      return { key, value: fixed ? value : seams.open([{ kind: 'header', name: key, value: cut }]) }
    }),
    from: parts.from,
    to: { name: '', address: `${seams.open([{ kind: 'to' }])}@seam.invalid` },
    ...(parts.replyTo === null ? {} : { replyTo: parts.replyTo }),
    subject: parts.subject,
    messageId: `<${seams.open([{ kind: 'message-id' }])}@seam.invalid>`,
    date: new Date(parts.date.epochMilliseconds),
    text: seams.open(cutBody('text', parts.text, markers)),
    ...(parts.html === null ? {} : { html: seams.open(cutBody('html', parts.html, markers)) }),
    encoding: 'quoted-printable',
    newline: 'windows',
    // RFC 2045 §6.7: "=_" cannot occur in quoted-printable, so no body can hold a line that ends its part.
    boundaryPrefix: '----=_Courant',
    baseBoundary: 'Message',
  })
    .compile()
    .build()
  checkHead(composed)
  const pieces = seams.close(composed.toString('utf8'))
  checkComplete(pieces, markers, optional)
  return { pieces }
}

/**
 * Fills a compiled message for one reader: CRLF line ends, no line beginning with a dot, ASCII throughout unless the
 * local part of the address is not.
 *
 * Values are raw: they are escaped in HTML and encoded here. In headers a value must be printable ASCII, else this
 * throws `mail.header-value`. `messageId` stands with or without its angle brackets.
 */
export function fillMessage<S extends string>(
  compiled: Compiled<S>,
  values: { readonly [K in S]: string },
  to: Mailbox,
  messageId: string,
): Buffer {
  return Buffer.concat(
    compiled.pieces.map((piece) => (Buffer.isBuffer(piece) ? piece : fillPiece(piece, values, to, messageId))),
  )
}

function fillPiece<S extends string>(
  piece: Exclude<Piece<S>, Buffer>,
  values: { readonly [K in S]: string },
  to: Mailbox,
  messageId: string,
): Buffer {
  switch (piece.kind) {
    case 'to':
      return Buffer.from(writeTo(to))
    case 'message-id':
      checkHeaderValue('Message-ID', messageId)
      return Buffer.from(writeHeader('Message-ID', messageId))
    case 'header': {
      const value = piece.value.map((part) => {
        if (typeof part === 'string') return part
        checkHeaderValue(piece.name, values[part.slot])
        return values[part.slot]
      })
      return Buffer.from(writeHeader(piece.name, value.join('')))
    }
    case 'text':
      return encodePiece(values[piece.slot])
    case 'html':
      return encodePiece(escapeHtml(values[piece.slot]))
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
  return value.replace(/[&<>"']/g, (character) => HTML_ESCAPES[character] ?? character)
}

function cutBody<S extends string>(kind: 'text' | 'html', body: string, markers: Markers<S>): Piece<S>[] {
  const ended = /[\r\n]$/.test(body) ? body : `${body}\n`
  return cutAtMarkers(ended, markers).map((piece) =>
    typeof piece === 'string' ? encodePiece(piece) : { kind, slot: piece.slot },
  )
}

function checkPlaces<S extends string>(parts: Parts, markers: Markers<S>): void {
  const fixed = [parts.subject, parts.from.name, parts.replyTo?.name ?? '', ...parts.headers.map(([name]) => name)]
  for (const text of fixed) {
    const found = cutAtMarkers(text, markers).find((piece) => typeof piece !== 'string')
    if (found === undefined) continue
    throw new CourantError('mail.slot-misplaced', {
      what: `The slot ${found.slot} stands in the subject, in a name or in the name of a header.`,
      why: 'Those are the same for every reader.',
      todo: 'Keep it to the text, the HTML and the values of further headers.',
    })
  }
}

function checkHead(composed: Buffer): void {
  if (fitsLines(composed.toString('utf8'))) return
  throw new CourantError('mail.header-too-long', {
    what: 'A header of the message has a line of more than 998 octets that cannot be folded.',
    todo: 'Shorten the subject or the header, or put spaces in.',
  })
}

function checkComplete<S extends string>(
  pieces: readonly Piece<S>[],
  markers: Markers<S>,
  optional: readonly S[],
): void {
  const found = new Set<S>(pieces.flatMap(slotsOf))
  for (const slot in markers) {
    if (found.has(slot) || optional.includes(slot)) continue
    throw new CourantError('mail.slot-lost', {
      what: `The slot ${slot} has no place in the message.`,
      why: 'Its marker was made, but stands neither in the text, nor in the HTML, nor in a header.',
      todo: `Put it back into the template, or make the slot optional.`,
    })
  }
}

function slotsOf<S extends string>(piece: Piece<S>): S[] {
  if (Buffer.isBuffer(piece) || piece.kind === 'to' || piece.kind === 'message-id') return []
  if (piece.kind === 'header') return piece.value.flatMap((part) => (typeof part === 'string' ? [] : [part.slot]))
  return [piece.slot]
}
