/** RFC 2045 §6.7 (5): 76 octets a line, one of them the `=` of a soft break. */
const LINE_MAX = 75

const CR = 0x0d
const LF = 0x0a
const DOT = 0x2e
const EQUALS = 0x3d
const HEX = Buffer.from('0123456789ABCDEF')
const SOFT_BREAK = Buffer.from('=\r\n')

/**
 * Encodes a piece of a body in quoted-printable (RFC 2045 §6.7) so that it can stand between others: it takes for granted
 * that it begins at a line start and, if it has not ended its line, ends with a soft break.
 *
 * Every line break becomes CRLF, a line has at most 76 octets and never begins with a dot (so that SMTP's dot-stuffing,
 * RFC 5321 §4.5.2, has nothing to change), and no character is split by a soft break. nodemailer's own encoder does
 * neither of the last two, and needs the whole body at once.
 */
export function encodePiece(text: string): Buffer {
  const input = Buffer.from(text.replace(/\r\n?|\n/g, '\r\n'), 'utf8')
  // At worst each octet takes three, and a soft break of three stands after each 63 (no character is longer than 12).
  const output = openScratch(input.length * 3 + Math.ceil((input.length * 3) / 63) * 3 + 3)
  let length = 0
  let column = 0
  for (let at = 0; at < input.length; ) {
    const octet = input[at] ?? 0
    if (octet === CR) {
      length += writeLineBreak(output, length)
      column = 0
      at += 2
      continue
    }
    const octets = octetsOfCharacter(octet)
    const literal = octets === 1 && staysLiteral(octet, input[at + 1])
    const width = literal ? 1 : octets * 3
    if (column + width > LINE_MAX) {
      length += SOFT_BREAK.copy(output, length)
      column = 0
    }
    if (literal && !(octet === DOT && column === 0)) {
      output[length] = octet
      length += 1
      column += 1
    } else {
      for (let index = 0; index < octets; index += 1) length += writeEscaped(output, length, input[at + index] ?? 0)
      column += octets * 3
    }
    at += octets
  }
  if (column > 0) length += SOFT_BREAK.copy(output, length)
  return Buffer.from(output.subarray(0, length))
}

/** A long body is written here first: cut out of as much as it might have taken, it would keep three times its memory. */
let scratch = Buffer.alloc(0)

function openScratch(size: number): Buffer {
  if (scratch.length < size) scratch = Buffer.allocUnsafeSlow(size)
  return scratch
}

/** Printable ASCII without `=` that fits a line, begins with no dot and ends with no blank. */
const LITERAL = /^(?!\.)[ -<>-~]{0,74}[!-<>-~]$/

/** Whether a value stays as it is. */
export function isLiteral(text: string): boolean {
  return LITERAL.test(text)
}

/** What `encodePiece` gives, as a text of ASCII: for short values, most of which stay as they are. */
export function encodeValue(text: string): string {
  return isLiteral(text) ? `${text}=\r\n` : encodePiece(text).toString('latin1')
}

/** How many octets the UTF-8 character beginning with `lead` has. */
function octetsOfCharacter(lead: number): number {
  if (lead < 0x80) return 1
  if (lead < 0xe0) return 2
  return lead < 0xf0 ? 3 : 4
}

/** Whether an octet may stand for itself; white space at the end of a line or of the piece may not. */
function staysLiteral(octet: number, next: number | undefined): boolean {
  if (octet === 0x20 || octet === 0x09) return next !== undefined && next !== CR
  return octet > 0x20 && octet < 0x7f && octet !== EQUALS
}

function writeEscaped(output: Buffer, at: number, octet: number): number {
  output[at] = EQUALS
  output[at + 1] = HEX[octet >> 4] ?? 0
  output[at + 2] = HEX[octet & 15] ?? 0
  return 3
}

function writeLineBreak(output: Buffer, at: number): number {
  output[at] = CR
  output[at + 1] = LF
  return 2
}
