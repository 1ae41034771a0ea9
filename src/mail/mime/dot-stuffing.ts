import { isAscii } from 'node:buffer'

/** What a relay is told of a message before its content. */
export type MessageSize = { readonly octets: number; readonly eightBit: boolean }

/** Octets of a message, or a text that stands for its octets in UTF-8. */
export type ContentPiece = Uint8Array | string

/** Counts a message's octets, and says whether any is beyond ASCII. */
export function measureMessage(message: readonly ContentPiece[]): MessageSize {
  let octets = 0
  let eightBit = false
  for (const piece of message) {
    const length = typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length
    octets += length
    eightBit ||= typeof piece === 'string' ? !ASCII.test(piece) : !isAscii(piece)
  }
  return { octets, eightBit }
}

const ASCII = /^\p{ASCII}*$/u

/** How the content written so far ends; at its start as after a CRLF. */
export type Tail = 'crlf' | 'cr' | 'lf' | 'other'

/** The octets as they go on the wire, and how they end; null where a dot follows a CR or an LF that stands alone. */
type StuffedContent = { readonly pieces: readonly ContentPiece[]; readonly tail: Tail }

const LF = 0x0a
const CR = 0x0d
const DOT = 0x2e
const ONE_DOT = Buffer.of(DOT)

/** What a piece becomes behind `before`; null as for `StuffedContent`. */
type StuffPiece = (piece: Uint8Array, before: Tail) => StuffedContent | null

/**
 * Makes sure that no octets of a message can end its content before their end.
 *
 * A line that begins with a dot gets a second one (RFC 5321 §4.5.2); messages made by `fillMessage` have none, so theirs
 * go out as they are. A dot after a lone CR or LF is refused, since relays differ in what is a line to them, and one could
 * be made to see the end of the content, and commands behind it.
 */
export function stuffDots(
  pieces: readonly ContentPiece[],
  tail: Tail,
  look: StuffPiece = stuffPiece,
): StuffedContent | null {
  const wired: ContentPiece[] = []
  let before = tail
  for (const piece of pieces) {
    if (piece.length === 0) continue
    if (typeof piece === 'string' && !piece.startsWith('.') && !DOT_AT_LINE_START.test(piece)) {
      wired.push(piece)
      before = tailOfText(piece, before)
      continue
    }
    const seen = look(typeof piece === 'string' ? Buffer.from(piece) : piece, before)
    if (seen === null) return null
    wired.push(...seen.pieces)
    before = seen.tail
  }
  return { pieces: wired, tail: before }
}

const DOT_AT_LINE_START = /[\r\n]\./

/** Pieces of this length and more are worth remembering. */
const LONG = 4096

/**
 * Looks through long pieces once, since all messages of a variant share them: 77 KB take 20 to 30 µs, a fifth of what a
 * message costs. They must never be changed.
 */
export function rememberStuffed(): StuffPiece {
  const known = new WeakMap<Uint8Array, { readonly before: Tail; readonly wired: StuffedContent }>()
  return (piece, before) => {
    const old = piece.length < LONG ? undefined : known.get(piece)
    if (old?.before === before) return old.wired
    const wired = stuffPiece(piece, before)
    if (wired !== null && piece.length >= LONG) known.set(piece, { before, wired })
    return wired
  }
}

function stuffPiece(piece: Uint8Array, before: Tail): StuffedContent | null {
  const octets = Buffer.from(piece.buffer, piece.byteOffset, piece.length)
  const wired: Uint8Array[] = []
  if (octets[0] === DOT && (before === 'cr' || before === 'lf')) return null
  if (octets[0] === DOT && before === 'crlf') wired.push(ONE_DOT)
  if (octets.includes('\r.')) return null
  let from = 0
  for (let at = octets.indexOf('\n.'); at >= 0; at = octets.indexOf('\n.', at + 1)) {
    const ended = at === 0 ? before === 'cr' : octets[at - 1] === CR
    if (!ended) return null
    wired.push(octets.subarray(from, at + 1), ONE_DOT)
    from = at + 1
  }
  wired.push(from === 0 ? octets : octets.subarray(from))
  return { pieces: wired, tail: tailOf(octets, before) }
}

/** The end of the content, behind whatever it ended with. RFC 5321 §4.1.1.4. */
export function endOfContent(tail: Tail): Buffer {
  return tail === 'crlf' ? END : END_OF_LINE
}

const END = Buffer.of(DOT, CR, LF)
const END_OF_LINE = Buffer.of(CR, LF, DOT, CR, LF)

function tailOf(octets: Buffer, before: Tail): Tail {
  return tailAfter(octets[octets.length - 1], octets.length === 1 ? before === 'cr' : octets[octets.length - 2] === CR)
}

function tailOfText(text: string, before: Tail): Tail {
  const { length } = text
  return tailAfter(text.charCodeAt(length - 1), length === 1 ? before === 'cr' : text.charCodeAt(length - 2) === CR)
}

function tailAfter(last: number | undefined, behindCr: boolean): Tail {
  if (last === CR) return 'cr'
  if (last !== LF) return 'other'
  return behindCr ? 'crlf' : 'lf'
}
