/** A text cut into cells. */
type Cells = {
  readonly cells: readonly string[]
  /** The last cell was opened by a quotation mark that is not closed. */
  readonly isOpen: boolean
  /** Every quotation mark in a quoted cell is doubled or closes it. */
  readonly isRegular: boolean
}

/**
 * Cuts a line into its cells (RFC 4180): a cell that begins with a quotation mark goes on to the one that closes it, and
 * two of them in it are one. Other quotation marks are characters, as in `12" pizza`. With `isInside` the text begins in
 * the middle of a quoted cell.
 */
export function splitCells(text: string, delimiter: string, isInside = false): Cells {
  if (!isInside && !text.includes('"')) return { cells: text.split(delimiter), isOpen: false, isRegular: true }
  const cells: string[] = []
  let isRegular = true
  for (let at = 0; ; ) {
    const start = cells.length === 0 && isInside ? at : afterQuote(text, at, delimiter)
    const cell = start === null ? readPlain(text, at, delimiter) : readQuoted(text, start, delimiter)
    cells.push(cell.text)
    isRegular &&= cell.isRegular
    if (cell.end === null) return { cells, isOpen: true, isRegular }
    if (cell.end >= text.length) return { cells, isOpen: false, isRegular }
    at = cell.end + delimiter.length
  }
}

/** A cell, and where the delimiter after it is; null when its quotation mark is never closed. */
type Cell = { readonly text: string; readonly end: number | null; readonly isRegular: boolean }

/** The place after the quotation mark that opens the cell at `at`, or null where none does. */
function afterQuote(text: string, at: number, delimiter: string): number | null {
  const start = afterSpaces(text, at, delimiter)
  return text[start] === '"' ? start + 1 : null
}

function afterSpaces(text: string, from: number, delimiter: string): number {
  let at = from
  while ((text[at] === ' ' || text[at] === '\t' || text[at] === '\u00a0') && text[at] !== delimiter) at += 1
  return at
}

function readPlain(text: string, at: number, delimiter: string): Cell {
  const found = text.indexOf(delimiter, at)
  const end = found < 0 ? text.length : found
  return { text: text.slice(at, end), end, isRegular: true }
}

function readQuoted(text: string, start: number, delimiter: string): Cell {
  const parts: string[] = []
  let isRegular = true
  for (let from = start; ; ) {
    const quote = text.indexOf('"', from)
    if (quote < 0) return { text: parts.join('') + text.slice(from), end: null, isRegular }
    const next = afterSpaces(text, quote + 1, delimiter)
    if (next >= text.length || text.startsWith(delimiter, next))
      return { text: parts.join('') + text.slice(from, quote), end: next, isRegular }
    const isDoubled = text[quote + 1] === '"'
    isRegular &&= isDoubled
    parts.push(text.slice(from, quote + 1))
    from = quote + (isDoubled ? 2 : 1)
  }
}
