/** A line of a file as it stands there: its number counted from 1, its text, and what ends it (nothing in the last one). */
export type CsvLine = {
  readonly number: number
  readonly text: string
  readonly end: string
  /** The line is longer than any row may be: `text` is only its beginning. */
  readonly isCut: boolean
}

/** No row is this long: 100 MB without a line end are not kept in memory. */
export const LONGEST_LINE = 1_000_000
const KEPT_OF_LONG = 1_000

const LINE_END = /\r\n|\n|\r/g

/**
 * Cuts a text that comes in pieces into lines. CRLF, LF and CR end a line alike, whatever the others in the file end with:
 * editors and lists glued together mix them.
 */
export class LineSplitter {
  #number = 0
  #rest = ''
  /** The beginning of a line whose end has not come although it is too long. */
  #long: string | null = null

  /** The lines that end in the text so far. */
  push(piece: string): readonly CsvLine[] {
    const text = this.#rest + piece
    // A CR at the end of a piece may be half of a CRLF.
    const known = text.endsWith('\r') ? text.length - 1 : text.length
    const lines: CsvLine[] = []
    let from = 0
    for (const { 0: end, index } of text.matchAll(LINE_END)) {
      if (index >= known) break
      lines.push(this.#line(text.slice(from, index), end))
      from = index + end.length
    }
    this.#rest = text.slice(from)
    if (this.#rest.length > LONGEST_LINE) {
      this.#long ??= copyOf(this.#rest.slice(0, KEPT_OF_LONG))
      this.#rest = this.#rest.endsWith('\r') ? '\r' : ''
    }
    return lines
  }

  /** What is left when the text has ended: a last line without an end, or nothing. */
  end(): readonly CsvLine[] {
    const end = this.#rest.endsWith('\r') ? '\r' : ''
    const text = this.#rest.slice(0, this.#rest.length - end.length)
    this.#rest = ''
    return text === '' && end === '' && this.#long === null ? [] : [this.#line(text, end)]
  }

  #line(text: string, end: string): CsvLine {
    this.#number += 1
    const long = this.#long ?? (text.length > LONGEST_LINE ? copyOf(text.slice(0, KEPT_OF_LONG)) : null)
    this.#long = null
    return { number: this.#number, text: long ?? text, end, isCut: long !== null }
  }
}

/** A slice keeps the text alive that it was cut from. */
const copyOf = (text: string) => Buffer.from(text, 'utf16le').toString('utf16le')
