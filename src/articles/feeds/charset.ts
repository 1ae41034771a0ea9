import { readLabel } from './charset-labels.ts'
import { guessCharset } from './guess-charset.ts'

/**
 * Turns a document's bytes into text. Evidence in this order: byte order mark, the shape of the first bytes, valid
 * UTF-8 (no other encoding's text looks like it by chance), the HTTP header, the XML declaration, a meta tag. What a
 * declaration claims is believed only if the bytes fit; else the script is guessed, or it is UTF-8 with bytes of Windows-1252 between.
 */
export function decodeText(body: Buffer, contentType: string | null): string {
  const text = decodeMarked(body) ?? decodeByShape(body) ?? decodeDeclared(body, contentType)
  return cleanText(text ?? decodeGuessed(body) ?? decodeMixed(body))
}

const MARKS: readonly (readonly [string, readonly number[]])[] = [
  ['utf-32le', [0xff, 0xfe, 0, 0]],
  ['utf-32be', [0, 0, 0xfe, 0xff]],
  ['utf-8', [0xef, 0xbb, 0xbf]],
  ['utf-16le', [0xff, 0xfe]],
  ['utf-16be', [0xfe, 0xff]],
]

/** “<” or “{” with zeros around it, RFC 8259's and XML 1.0's (appendix F) way of telling without a mark. */
const SHAPES: readonly (readonly [string, readonly (number | null)[]])[] = [
  ['utf-32le', [null, 0, 0, 0]],
  ['utf-32be', [0, 0, 0, null]],
  ['utf-16le', [null, 0, null, 0]],
  ['utf-16be', [0, null, 0, null]],
]

function decodeMarked(body: Buffer): string | null {
  const mark = MARKS.find(([, bytes]) => bytes.every((byte, index) => body[index] === byte))
  if (mark === undefined) return null
  const rest = body.subarray(mark[1].length)
  return mark[0] === 'utf-8' ? decodeMixed(rest) : decodeAs(mark[0], rest, false)
}

function decodeByShape(body: Buffer): string | null {
  if (body.length < 4) return null
  const fits = (byte: number | null, index: number) => (byte === null ? body[index] !== 0 : body[index] === byte)
  const shape = SHAPES.find(([, bytes]) => bytes.every(fits))
  return shape === undefined ? null : decodeAs(shape[0], body, false)
}

const HEAD_BYTES = 2048
const IN_PROLOG = /^\s*<\?xml[^>]*?\bencoding\s*=\s*["']\s*([\w.:-]+)/i
const IN_META = /<meta[^>]*?\bcharset\s*=\s*["']?\s*([\w.:-]+)/i
/** Escape sequences of seven bits: their bytes are valid UTF-8, and mean something else. */
const SEVEN_BIT = /^(iso-2022|hz|utf-7)/i

/** What servers say of any text, whatever it is: believed last. */
const BY_DEFAULT = /^(iso-8859-1|us-ascii|latin1|windows-1252)$/i
/** A document whose declaration could be read byte by byte is none of these, whatever it says. */
const WIDE = /^utf-?(16|32)|^ucs|unicode|10646/i

function decodeDeclared(body: Buffer, contentType: string | null): string | null {
  const labels = declaredLabels(body, contentType)
  const isSevenBit = labels.some((label) => SEVEN_BIT.test(label))
  const utf8 = isSevenBit ? null : decodeAs('utf-8', body, true)
  if (utf8 !== null || (!isSevenBit && isNearlyUtf8(body))) return utf8
  for (const label of labels) {
    const text = decodeAs(label, body, true)
    if (text !== null) return text
  }
  return labels.map((label) => decodeTorn(label, body)).find((text) => text !== null) ?? null
}

function declaredLabels(body: Buffer, contentType: string | null): string[] {
  const head = body.subarray(0, HEAD_BYTES).toString('latin1')
  const inHeader = contentType?.match(/charset\s*=\s*["']?\s*([\w.:-]+)/i)?.[1]
  const inDocument = [IN_PROLOG.exec(head)?.[1], IN_META.exec(head)?.[1]]
  const labels = BY_DEFAULT.test(inHeader ?? '') ? [...inDocument, inHeader] : [inHeader, ...inDocument]
  return labels.filter((label) => label !== undefined).filter((label) => !WIDE.test(label))
}

function decodeGuessed(body: Buffer): string | null {
  const encoding = isNearlyUtf8(body) ? null : guessCharset(body)
  return encoding === null ? null : decodeAs(encoding, body, true)
}

/** Text in an encoding of several bytes, of which a character was torn: cut off at the end, or by a length in a database. */
function decodeTorn(label: string, body: Buffer): string | null {
  const text = /^utf-?8$/i.test(label) ? null : decodeAs(label, body, false)
  if (text === null) return null
  const torn = text.match(/\ufffd/g)?.length ?? 0
  const foreign = text.match(/[^\0-\x7f]/g)?.length ?? 0
  return torn * 20 <= foreign || (torn === 1 && foreign > 8) ? text : null
}

function decodeAs(label: string, body: Buffer, strict: boolean): string | null {
  if (label.startsWith('utf-32')) return decodeUtf32(body, label === 'utf-32le')
  const name = readLabel(label)
  if (name === null) return null
  const whole = name.startsWith('utf-16') ? body.subarray(0, body.length - (body.length % 2)) : body
  try {
    return new TextDecoder(name, { fatal: strict }).decode(whole)
  } catch {
    return null
  }
}

function decodeUtf32(body: Buffer, littleEndian: boolean): string {
  let text = ''
  for (let at = 0; at + 4 <= body.length; at += 4) {
    const point = littleEndian ? body.readUInt32LE(at) : body.readUInt32BE(at)
    text += point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd'
  }
  return text
}

/** The upper half of Windows-1252. */
const UPPER_HALF = new TextDecoder('windows-1252')
const UPPER = [...UPPER_HALF.decode(Buffer.from(Array.from({ length: 128 }, (_, at) => at + 128)))]

/** UTF-8 with a stray byte here and there is no other encoding, in which hardly two bytes would look like it. */
function isNearlyUtf8(body: Buffer): boolean {
  let sequences = 0
  let strays = 0
  for (let at = 0; at < body.length; ) {
    const length = sequenceLength(body, at)
    if (length === 0) strays += 1
    if (length > 1) sequences += 1
    at += length || 1
  }
  return sequences >= 10 * strays
}

/** Keeps what is UTF-8 and reads stray bytes as Windows-1252: two feeds glued together by a template. */
function decodeMixed(body: Buffer): string {
  const parts: string[] = []
  let from = 0
  for (let at = 0; at < body.length; ) {
    const length = sequenceLength(body, at)
    if (length > 0) {
      at += length
      continue
    }
    if (from < at) parts.push(body.toString('utf8', from, at))
    from = at
    while (at < body.length && sequenceLength(body, at) === 0) at += 1
    parts.push(UPPER_HALF.decode(body.subarray(from, at)))
    from = at
  }
  return parts.join('') + body.toString('utf8', from)
}

/** Octets of the UTF-8 sequence at `at` (Unicode 16, table 3-7), 0 when there is none. */
function sequenceLength(body: Buffer, at: number): number {
  const lead = body[at]!
  if (lead < 0x80) return 1
  const second = body[at + 1] ?? 0
  const isTail = (byte: number | undefined) => byte !== undefined && byte >= 0x80 && byte <= 0xbf
  if (lead >= 0xc2 && lead <= 0xdf) return isTail(second) ? 2 : 0
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high || !isTail(body[at + 2])) return 0
  if (lead >= 0xe0 && lead <= 0xef) return 3
  return lead >= 0xf0 && lead <= 0xf4 && isTail(body[at + 3]) ? 4 : 0
}

/** Drops what no XML may contain; C1 controls are Windows-1252 that was taken for Latin-1 on the way. */
function cleanText(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ufeff]/g, '')
    .replace(/[\x80-\x9f]/g, (control) => UPPER[control.charCodeAt(0) - 128] ?? '')
}
