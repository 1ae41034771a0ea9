import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { CsvError, type Info, parse } from 'csv-parse'
import { CourantError, reasonOf } from '../../errors.ts'

/** One record of a CSV file; `line` is the line it starts in, counted from 1. */
export type TableRow = { readonly line: number; readonly cells: readonly string[] }

/** A CSV file being read: its header, its delimiter, and its rows as a stream. */
export type Table = {
  readonly header: readonly string[]
  readonly delimiter: string
  readonly rows: AsyncIterable<TableRow>
  /** Octets read so far, and of the whole file. */
  readonly readBytes: () => number
  readonly totalBytes: number
  readonly close: () => void
}

const DELIMITERS = [',', ';', '\t']
/** A header is shorter. */
const HEAD_BYTES = 64 * 1024
/** A record this long is a quotation mark that is never closed. */
const LONGEST_RECORD = 1_000_000

/**
 * Opens a CSV file in UTF-8, with or without byte order mark, delimited by comma, semicolon or tab as its header is.
 *
 * @throws CourantError `import.file` when there is none, `import.csv` (while reading, too) when it is not CSV.
 */
export async function openTable(file: string): Promise<Table> {
  const { head, totalBytes } = await readHead(file)
  const delimiter = findDelimiter(head)
  const source = createReadStream(file)
  const parser = parse({
    bom: true,
    delimiter,
    info: true,
    max_record_size: LONGEST_RECORD,
    relax_column_count: true,
    relax_quotes: true,
    skip_records_with_empty_values: true,
    skip_empty_lines: true,
  })
  // What fails in the source fails the parser, where whoever iterates meets it.
  pipeline(source, parser, () => {})
  const rows = readRows(parser)
  const first = await rows.next()
  const header = first.done ? [] : first.value.cells
  return { header, delimiter, rows, readBytes: () => source.bytesRead, totalBytes, close: () => source.destroy() }
}

async function readHead(file: string): Promise<{ head: string; totalBytes: number }> {
  try {
    await using handle = await open(file)
    const { size } = await handle.stat()
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    return { head: buffer.toString('utf8', 0, bytesRead), totalBytes: size }
  } catch (cause) {
    throw new CourantError('import.file', {
      what: `The file ${file} cannot be read.`,
      why: reasonOf(cause),
      todo: 'Name a CSV file that exists.',
      cause,
    })
  }
}

/** The one that stands most often in the first line; columns' names have none of them. */
function findDelimiter(head: string): string {
  const line = head.replace(/^\uFEFF?\s*/, '').split(/[\r\n]/, 1)[0] ?? ''
  const counts = DELIMITERS.map((delimiter) => ({ delimiter, count: line.split(delimiter).length }))
  return counts.reduce((most, one) => (one.count > most.count ? one : most)).delimiter
}

async function* readRows(
  records: AsyncIterable<{ record: string[]; info: Info }>,
): AsyncGenerator<TableRow, undefined> {
  try {
    for await (const { record, info } of records) {
      const inner = record.reduce((lines, cell) => lines + cell.split('\n').length - 1, 0)
      yield { line: info.lines - inner, cells: record.map((cell) => cell.trim()) }
    }
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause
    throw new CourantError('import.csv', {
      what: `The file is not CSV from line ${Number(cause.lines ?? 0)} on.`,
      why: `${cause.code}. Rows before it may be imported already.`,
      todo: 'Correct that line (a quotation mark may not be closed) and import the whole file again: that does no harm.',
      cause,
    })
  }
}
