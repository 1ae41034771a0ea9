import { isUtf8 } from 'node:buffer'
import { CourantError } from '../../../errors.ts'
import { decodeOctets, guessCsvEncoding, type OctetEncoding } from './guess-encoding.ts'
import type { InputFile } from './input-file.ts'
import { type CsvLine, LineSplitter } from './lines.ts'

/**
 * How a file's octets are text: `utf-16…` throughout, or line by line UTF-8 and, where a line is no UTF-8, `fallback`
 * (null: every line is UTF-8). Lists glued together from two programs have lines of both kinds.
 */
export type Encoding =
  | { readonly kind: 'wide'; readonly name: 'utf-16le' | 'utf-16be' }
  | { readonly kind: 'octets'; readonly fallback: OctetEncoding | null }

const HEAD_BYTES = 1_024
const SAMPLE_CHARACTERS = 64 * 1024

/**
 * Finds out in what encoding a file is written: by its byte order mark, by the zeros of UTF-16 without one, by being UTF-8,
 * else by what its letters would be.
 *
 * @throws CourantError `import.file`, `import.format` where the file is another format's.
 */
export async function findEncoding(file: InputFile): Promise<Encoding> {
  const head = await readHead(file)
  refuseOtherFormats(file.path, head)
  const wide = findWide(head)
  if (wide !== null) return { kind: 'wide', name: wide }
  const sample = await sampleOthers(file)
  return { kind: 'octets', fallback: sample === '' ? null : guessCsvEncoding(sample) }
}

/** The lines of a file as text, some hundred at a time. */
export async function* readLines(file: InputFile, encoding: Encoding): AsyncGenerator<readonly CsvLine[], undefined> {
  if (encoding.kind === 'wide') yield* splitText(decodeWide(file, encoding.name))
  else
    for await (const lines of splitOctets(file))
      yield lines.map((line) => ({ ...line, text: readUtf8(line.text) ?? decodeOctets(line.text, encoding.fallback) }))
}

/** Lines that are no UTF-8, as many as are enough to guess what they are. */
async function sampleOthers(file: InputFile): Promise<string> {
  let sample = ''
  for await (const lines of splitOctets(file))
    for (const { text } of lines) {
      if (readUtf8(text) === null) sample += `${text.slice(0, HEAD_BYTES)}\n`
      if (sample.length > SAMPLE_CHARACTERS) return sample
    }
  return sample
}

async function readHead(file: InputFile): Promise<Buffer> {
  for await (const piece of file.pieces()) return Buffer.from(piece.subarray(0, HEAD_BYTES))
  return Buffer.alloc(0)
}

const OTHER_FORMATS: readonly (readonly [string, string])[] = [
  ['PK\x03\x04', 'an Excel or OpenDocument file, or another ZIP archive'],
  ['\xd0\xcf\x11\xe0', 'an old Excel file'],
  ['\x1f\x8b', 'compressed with gzip'],
  ['%PDF', 'a PDF'],
]

function refuseOtherFormats(path: string, head: Buffer): void {
  const start = head.toString('latin1', 0, 4)
  const format = OTHER_FORMATS.find(([mark]) => start.startsWith(mark))
  if (format === undefined) return
  throw new CourantError('import.format', {
    what: `The file ${path} is not CSV.`,
    why: `It is ${format[1]}.`,
    todo: 'Save the table as “CSV UTF-8” and import that file.',
  })
}

function findWide(head: Buffer): 'utf-16le' | 'utf-16be' | null {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le'
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be'
  const isZero = [...head].map((octet) => octet === 0)
  const share = (parity: number) =>
    isZero.filter((zero, index) => zero && index % 2 === parity).length / Math.max(1, Math.floor(head.length / 2))
  // A header is hardly more than ASCII.
  if (share(1) > 0.6 && share(0) < 0.1) return 'utf-16le'
  return share(0) > 0.6 && share(1) < 0.1 ? 'utf-16be' : null
}

async function* decodeWide(file: InputFile, name: string): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder(name)
  for await (const piece of file.pieces()) yield decoder.decode(piece, { stream: true })
  yield decoder.decode()
}

/** Lines whose every character is an octet. */
const splitOctets = (file: InputFile) => splitText(readOctets(file))

async function* readOctets(file: InputFile): AsyncGenerator<string, undefined> {
  for await (const piece of file.pieces()) yield piece.toString('latin1')
}

async function* splitText(texts: AsyncIterable<string>): AsyncGenerator<readonly CsvLine[], undefined> {
  const splitter = new LineSplitter()
  for await (const text of texts) yield splitter.push(text)
  yield splitter.end()
}

/** The text of octets, or null where they are no UTF-8. */
function readUtf8(octets: string): string | null {
  if (!/[^\0-\x7f]/.test(octets)) return octets
  const buffer = Buffer.from(octets, 'latin1')
  return isUtf8(buffer) ? buffer.toString('utf8') : null
}
