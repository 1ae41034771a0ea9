/** Columns of a plain text mail. */
const COLUMNS = 72

const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/gu
const UNSEEN = /[\p{M}\p{Cf}]/gu
const SPARE_BLANK = /^ | {2}| $/
const NARROW = /^[\u0020-\u007e\u00a0-\u02ff\u2010-\u2026]*$/

/** `text` in lines of at most `columns`, each after the first indented by `indent` blanks; breaks at plain spaces only. */
export function wrap(text: string, columns = COLUMNS, indent = 0): string {
  const measure = measureOf(text)
  if (measure(text) <= columns && !SPARE_BLANK.test(text)) return text
  const lines: string[] = []
  let line = ''
  let width = 0
  for (const word of text.split(' ').flatMap((part) => breakWord(part, columns - indent, measure))) {
    const wordWidth = measure(word)
    const room = columns - (lines.length > 0 ? indent : 0)
    if (line !== '' && width + 1 + wordWidth > room) {
      lines.push(line)
      line = ''
    }
    width = line === '' ? wordWidth : width + 1 + wordWidth
    line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`)
}

/** `text`, wrapped, over a rule of `mark` as wide as its widest line. */
export function underline(text: string, mark: string): string {
  const wrapped = wrap(text)
  const width = Math.max(...wrapped.split('\n').map(widthOf))
  return `${wrapped}\n${mark.repeat(width)}`
}

const lengthOf = (text: string) => text.length

/** How wide the words of a text are, which is asked for each of them: where all of it is narrow, counted at once. */
const measureOf = (text: string) => (NARROW.test(text) ? lengthOf : widthOf)

/** Columns a text takes in a fixed-width font: East Asian characters and emoji two, combining and unseen ones none. */
export function widthOf(text: string): number {
  if (NARROW.test(text)) return lengthOf(text)
  const seen = text.replace(UNSEEN, '')
  return [...seen].length + (seen.match(WIDE)?.length ?? 0)
}

/** A word wider than a line, in pieces that fit. */
function breakWord(word: string, columns: number, measure: (text: string) => number): string[] {
  if (measure(word) <= columns) return word === '' ? [] : [word]
  const pieces: string[] = []
  let piece = ''
  for (const { segment } of new Intl.Segmenter().segment(word)) {
    if (widthOf(piece) + widthOf(segment) > columns) {
      pieces.push(piece)
      piece = ''
    }
    piece += segment
  }
  return [...pieces, piece]
}
