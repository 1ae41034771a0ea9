import { splitCells } from './cells.ts'
import { type CsvLine, LONGEST_LINE } from './lines.ts'

/** A row of a table: the line it begins in, its cells, and why they cannot be relied on (null: they can). */
export type TableRow = { readonly line: number; readonly cells: readonly string[]; readonly problem: string | null }

/** What a table's rows look like. */
type Layout = {
  readonly delimiter: string
  /** How many columns the header names. */
  readonly columns: number
  /** The column of the address. */
  readonly email: number
}

const NOT_CLOSED = 'A quotation mark in this row is opened and not closed.'
const UNCLEAR = 'It is unclear which cells the quotation marks in this row are around.'
const TOO_LONG = 'The line is too long to be a row; only its beginning is kept here.'
const TOO_MANY = 'The row has more cells than the header has columns.'

/** A row whose quoted cell goes on in the next line. */
type Unfinished = { readonly cells: string[]; readonly lines: CsvLine[]; size: number }

/**
 * Puts the lines of a table together to rows. csv-parse reads a stray quotation mark that is closed some rows later as one
 * large cell, and the readers between are lost without a word. Here a cell over several lines is believed only where the
 * row is regular and no line of it is a row of another reader; otherwise its first line is flawed, and the next lines are read on
 * their own.
 */
export class RecordReader {
  readonly #layout: Layout
  #unfinished: Unfinished | null = null

  constructor(layout: Layout) {
    this.#layout = layout
  }

  /** The rows that are complete with these lines. */
  push(lines: readonly CsvLine[]): readonly TableRow[] {
    const rows: TableRow[] = []
    const waiting = [...lines].reverse()
    for (let line = waiting.pop(); line !== undefined; line = waiting.pop()) {
      const { row, again } = this.#unfinished === null ? this.#begin(line) : this.#continue(this.#unfinished, line)
      if (row !== null) rows.push(row)
      for (const next of again.toReversed()) waiting.push(next)
    }
    return rows
  }

  /** The rows that are left when there are no more lines. */
  end(): readonly TableRow[] {
    const rows: TableRow[] = []
    while (this.#unfinished !== null) {
      const { row, again } = this.#giveUp(this.#unfinished)
      rows.push(row)
      for (const next of this.push(again)) rows.push(next)
    }
    return rows
  }

  #begin(line: CsvLine): Step {
    if (line.isCut)
      return only({ line: line.number, cells: line.text.split(this.#layout.delimiter), problem: TOO_LONG })
    const { cells, isOpen, isRegular } = splitCells(line.text, this.#layout.delimiter)
    if (!isOpen) return only(this.#row(line.number, cells, isRegular))
    if (!isRegular) return this.#giveUp({ cells: [], lines: [line], size: 0 })
    this.#unfinished = { cells: [...cells], lines: [line], size: line.text.length }
    return { row: null, again: [] }
  }

  #continue(unfinished: Unfinished, line: CsvLine): Step {
    const { cells, lines } = unfinished
    const before = lines.at(-1)?.end ?? ''
    lines.push(line)
    unfinished.size += before.length + line.text.length
    const { cells: more, isOpen, isRegular } = splitCells(line.text, this.#layout.delimiter, true)
    const [first = '', ...further] = more
    cells.push(`${cells.pop() ?? ''}${before}${first}`, ...further)
    if (!isRegular || !this.#isBelievable(unfinished, line)) return this.#giveUp(unfinished)
    if (isOpen) return { row: null, again: [] }
    if (this.#hidesReader(unfinished)) return this.#giveUp(unfinished)
    this.#unfinished = null
    return only(this.#row(lines[0]?.number ?? 0, cells, true))
  }

  /** Its first line stands alone, and the others are read again. */
  #giveUp({ lines: [first, ...again] }: Unfinished): { row: TableRow; again: readonly CsvLine[] } {
    this.#unfinished = null
    const cells = (first?.text ?? '').split(this.#layout.delimiter)
    return { row: { line: first?.number ?? 0, cells: trimmed(cells), problem: NOT_CLOSED }, again }
  }

  #isBelievable({ cells, size }: Unfinished, line: CsvLine): boolean {
    if (line.isCut || size > LONGEST_LINE || cells.length > this.#layout.columns) return false
    return !this.#isRowOfAnother(cells, line, this.#layout.columns)
  }

  /** Whether one of its lines is a row of another reader, now that the row's own address is known. */
  #hidesReader({ cells, lines }: Unfinished): boolean {
    return lines.some((line) => this.#isRowOfAnother(cells, line, 2))
  }

  /** Whether a line alone is a row of that many cells or more, and its address is not that of `own`. */
  #isRowOfAnother(own: readonly string[], { text }: CsvLine, fewest: number): boolean {
    const { delimiter, columns, email } = this.#layout
    const readings = [splitCells(text, delimiter).cells, text.replaceAll('"', '').split(delimiter)]
    return readings.some((cells) => {
      const address = bare(cells[email])
      const isRow = cells.length >= Math.min(fewest, columns) && !address.includes(delimiter)
      return isRow && /^[^\s@]+@[^\s@]+$/.test(address) && address !== bare(own[email])
    })
  }

  #row(line: number, cells: readonly string[], isRegular: boolean): TableRow {
    const { columns } = this.#layout
    const isSurplus = cells.slice(columns).some((cell) => !isBlank(cell))
    // With as many cells as there are columns, each is where it belongs, whatever the marks in it mean.
    const isUnclear = !isRegular && cells.length !== columns
    return { line, cells: trimmed(cells), problem: isSurplus ? TOO_MANY : isUnclear ? UNCLEAR : null }
  }
}

/** A row that is complete, if any, and lines that are to be read again. */
type Step = { readonly row: TableRow | null; readonly again: readonly CsvLine[] }

const only = (row: TableRow): Step => ({ row, again: [] })

const trimmed = (cells: readonly string[]) => cells.map((cell) => cell.trim())

const bare = (cell = '') =>
  cell
    .replace(/["\p{Cf}]/gu, '')
    .trim()
    .toLowerCase()

/** Whether a reader of the file sees nothing in the cell. */
export const isBlank = (cell: string) => /^[\s\p{Cc}\p{Cf}]*$/u.test(cell)
