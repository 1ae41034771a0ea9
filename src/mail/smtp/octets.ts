import { isAscii } from 'node:buffer'

/** What a relay is told of a message before its content. */
export type Measure = { readonly octets: number; readonly eightBit: boolean }

/** Counts a message's octets, and says whether any is beyond ASCII. */
export function measure(message: readonly Uint8Array[]): Measure {
  let octets = 0
  for (const piece of message) octets += piece.length
  return { octets, eightBit: !message.every(isAscii) }
}

/** How the content written so far ends; at its start as after a CRLF. */
export type Tail = 'crlf' | 'cr' | 'lf' | 'other'

/** The octets as they go on the wire, and how they end; null where a dot follows a CR or an LF that stands alone. */
export type Wired = { readonly pieces: readonly Uint8Array[]; readonly tail: Tail }

const LF = 0x0a
const CR = 0x0d
const DOT = 0x2e
const ONE_DOT = Buffer.of(DOT)

/**
 * Makes sure that no octets of a message can end its content before their end.
 *
 * A line that begins with a dot gets a second one (RFC 5321 §4.5.2); messages made by `fillMessage` have none, so theirs
 * go out as they are. A dot after a lone CR or LF is refused, since relays differ in what is a line to them, and one could
 * be made to see the end of the content, and commands behind it. Only dots are looked for: 76 KB take 20 µs.
 */
export function toWire(pieces: readonly Uint8Array[], tail: Tail): Wired | null {
  const wired: Uint8Array[] = []
  let before = tail
  for (const piece of pieces) {
    if (piece.length === 0) continue
    const octets = Buffer.from(piece.buffer, piece.byteOffset, piece.length)
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
    before = tailOf(octets, before)
  }
  return { pieces: wired, tail: before }
}

/** The end of the content, behind whatever it ended with. RFC 5321 §4.1.1.4. */
export function endOf(tail: Tail): Buffer {
  return tail === 'crlf' ? END : END_OF_LINE
}

const END = Buffer.of(DOT, CR, LF)
const END_OF_LINE = Buffer.of(CR, LF, DOT, CR, LF)

function tailOf(octets: Buffer, before: Tail): Tail {
  const last = octets[octets.length - 1]
  if (last === CR) return 'cr'
  if (last !== LF) return 'other'
  const ended = octets.length === 1 ? before === 'cr' : octets[octets.length - 2] === CR
  return ended ? 'crlf' : 'lf'
}
