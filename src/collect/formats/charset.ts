/**
 * Turns a document's bytes into text. Evidence in this order: byte order mark, the shape of the first bytes, valid
 * UTF-8 (no other encoding's text looks like it by chance), the HTTP header, the XML declaration, a meta tag. What a
 * declaration claims is believed only if every byte fits; else UTF-8 with single bytes of Windows-1252 between.
 */
export function decodeText(body: Buffer, contentType: string | null): string {
  const text = decodeMarked(body) ?? decodeByShape(body) ?? decodeDeclared(body, contentType) ?? decodeMixed(body)
  return cleanText(text)
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

function decodeDeclared(body: Buffer, contentType: string | null): string | null {
  const head = body.subarray(0, HEAD_BYTES).toString('latin1')
  const inHeader = contentType?.match(/charset\s*=\s*["']?\s*([\w.:-]+)/i)?.[1]
  const declared = [inHeader, IN_PROLOG.exec(head)?.[1], IN_META.exec(head)?.[1]].filter((label) => label !== undefined)
  const sevenBit = declared.some((label) => SEVEN_BIT.test(label))
  const labels = sevenBit ? declared : ['utf-8', ...declared]
  for (const label of labels) {
    const text = decodeAs(label, body, true)
    if (text !== null) return text
  }
  return null
}

function decodeAs(label: string, body: Buffer, strict: boolean): string | null {
  if (label.startsWith('utf-32')) return decodeUtf32(body, label === 'utf-32le')
  try {
    return new TextDecoder(knownLabel(label), { fatal: strict }).decode(body)
  } catch {
    return null
  }
}

/** Spellings that the WHATWG table of labels leaves out. */
function knownLabel(label: string): string {
  const folded = label.toLowerCase().replaceAll('_', '-')
  if (/^(win|windows|cp)-?\d{3,4}$/.test(folded)) return `windows-${folded.replace(/\D/g, '')}`
  if (/^iso-?8859-?\d+$/.test(folded)) return `iso-8859-${folded.replace(/^iso-?8859-?/, '')}`
  return folded === 'latin-1' ? 'latin1' : folded
}

function decodeUtf32(body: Buffer, littleEndian: boolean): string {
  let text = ''
  for (let at = 0; at + 4 <= body.length; at += 4) {
    const point = littleEndian ? body.readUInt32LE(at) : body.readUInt32BE(at)
    text += point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd'
  }
  return text
}

/** Keeps what is UTF-8 and reads every stray byte as Windows-1252: two feeds glued together by a template. */
function decodeMixed(body: Buffer): string {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  const stray = new TextDecoder('windows-1252')
  let text = ''
  let from = 0
  for (let at = 0; at < body.length; ) {
    const length = sequenceLength(body, at)
    if (length > 0) {
      at += length
      continue
    }
    text += utf8.decode(body.subarray(from, at)) + stray.decode(body.subarray(at, at + 1))
    at += 1
    from = at
  }
  return text + utf8.decode(body.subarray(from))
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
    .replace(/[\x80-\x9f]/g, (control) => WINDOWS_1252.decode(Buffer.of(control.charCodeAt(0))))
}

const WINDOWS_1252 = new TextDecoder('windows-1252')
