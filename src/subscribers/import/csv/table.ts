import { type Encoding, readLines } from './encoding.ts'
import type { InputFile } from './input-file.ts'
import type { CsvLine } from './lines.ts'
import { isBlank, RecordReader, type TableRow } from './records.ts'

/** A CSV file whose header is known; its rows can be read more than once. */
export type Table<Header> = {
  readonly header: Header
  /** The names of the columns as they stand there. */
  readonly names: readonly string[]
  readonly delimiter: string
  /** All rows in order, some hundred at a time, without those that say nothing. */
  readonly rows: () => AsyncGenerator<readonly TableRow[], undefined>
}

/** What a header says, and which of its columns is that of the address; null for a line that is no header. */
type ReadHeader<Header extends { readonly email: number }> = (names: readonly string[]) => Header | null

type Found<Header> = Pick<Table<Header>, 'header' | 'names' | 'delimiter'> & { readonly lastLine: number }

const DELIMITERS = [',', ';', '\t', '|']
/** `sep=;` tells spreadsheets what separates the cells; some programs put it into quotation marks. */
const SEPARATOR_LINE = /^[\p{Cf}\s]*"?\s*sep\s*=(\\t|.)?/iu
/** A header may have line breaks in its names, but not many. */
const HEADER_LINES = 20

/**
 * Finds the header of a table, which is the first line that says anything, and with it what separates the cells: what
 * a line `sep=;` before it names, or the character that makes most of it.
 */
export async function openTable<Header extends { readonly email: number }>(
  file: InputFile,
  encoding: Encoding,
  readHeader: ReadHeader<Header>,
): Promise<Table<Header> | null> {
  const found = findHeader(await readTop(file, encoding), readHeader)
  if (found === null) return null
  const { lastLine, ...head } = found
  const layout = { delimiter: found.delimiter, columns: found.names.length, email: found.header.email }
  async function* rows(): AsyncGenerator<readonly TableRow[], undefined> {
    const reader = new RecordReader(layout)
    const says = ({ cells, problem }: TableRow) => problem !== null || !cells.every(isBlank)
    for await (const lines of readLines(file, encoding)) {
      const below = (lines[0]?.number ?? 0) > lastLine ? lines : lines.filter(({ number }) => number > lastLine)
      yield reader.push(below).filter(says)
    }
    yield reader.end().filter(says)
  }
  return { ...head, rows }
}

/** The first lines from the first that says anything. */
async function readTop(file: InputFile, encoding: Encoding): Promise<readonly CsvLine[]> {
  const top: CsvLine[] = []
  for await (const lines of readLines(file, encoding))
    for (const line of lines) {
      if (top.length > 0 || !isBlank(line.text)) top.push(line)
      if (top.length > HEADER_LINES) return top
    }
  return top
}

function findHeader<Header extends { readonly email: number }>(
  top: readonly CsvLine[],
  readHeader: ReadHeader<Header>,
): Found<Header> | null {
  const separator = SEPARATOR_LINE.exec(top[0]?.text ?? '')
  const named = separator === null ? [] : [separator[1] === '\\t' ? '\t' : (separator[1] ?? ',')]
  const lines = separator === null ? top : top.slice(1)
  const tries = [...new Set([...named.filter((mark) => mark !== '"'), ...DELIMITERS])]
  const found = tries.flatMap((delimiter) => tryDelimiter(lines, delimiter, readHeader) ?? [])
  const most = found.reduce<Found<Header> | null>(
    (best, one) => (best === null || one.names.length > best.names.length ? one : best),
    null,
  )
  return found.find(({ delimiter }) => delimiter === named[0]) ?? most
}

function tryDelimiter<Header extends { readonly email: number }>(
  lines: readonly CsvLine[],
  delimiter: string,
  readHeader: ReadHeader<Header>,
): Found<Header> | null {
  const reader = new RecordReader({ delimiter, columns: Number.POSITIVE_INFINITY, email: -1 })
  for (const line of lines.slice(0, HEADER_LINES)) {
    const [row] = reader.push([line])
    if (row === undefined || (row.problem === null && row.cells.every(isBlank))) continue
    const header = row.problem === null ? readHeader(row.cells) : null
    return header && { header, names: row.cells, delimiter, lastLine: line.number }
  }
  return null
}
