import { widthOf } from '../../locale/wrap-text.ts'

/** One column of a table for people; numbers are aligned right. */
type TableColumn = { readonly heading: string; readonly align?: 'left' | 'right' }

const GAP = '  '
const ELLIPSIS = '…'
/** A column is never cut to less than this, however narrow the terminal. */
const LEAST_WIDTH = 8

/**
 * Rows under their headings, aligned, without blanks at the ends of lines. Where the terminal has fewer than `width` columns the
 * widest ones are cut, and end in an ellipsis. Cells are one line each: control characters are left out.
 */
export function formatTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  width = Number.POSITIVE_INFINITY,
): string {
  const headings = columns.map(({ heading }) => heading.toUpperCase())
  const lines = [headings, ...rows.map((row) => columns.map((_, index) => clean(row[index] ?? '')))]
  const widths = fitWidths(
    columns.map((_, index) => Math.max(...lines.map((line) => widthOf(line[index] ?? '')))),
    width,
  )
  return lines
    .map((line) =>
      columns
        .map(({ align = 'left' }, index) => pad(cut(line[index] ?? '', widths[index] ?? 0), widths[index] ?? 0, align))
        .join(GAP)
        .trimEnd(),
    )
    .join('\n')
}

const clean = (cell: string) => cell.replace(/\p{Cc}+/gu, ' ').trim()

/** Takes from the widest column, one by one, until the table fits. */
function fitWidths(widths: readonly number[], total: number): readonly number[] {
  const fitted = [...widths]
  const widthOfAll = () => fitted.reduce((sum, one) => sum + one, 0) + GAP.length * (fitted.length - 1)
  while (widthOfAll() > total) {
    const widest = Math.max(...fitted)
    if (widest <= LEAST_WIDTH) break
    fitted[fitted.indexOf(widest)] = widest - 1
  }
  return fitted
}

function cut(cell: string, width: number): string {
  if (widthOf(cell) <= width) return cell
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(cell)) {
    if (widthOf(kept) + widthOf(segment) > width - 1) break
    kept += segment
  }
  return `${kept.trimEnd()}${ELLIPSIS}`
}

function pad(cell: string, width: number, align: 'left' | 'right'): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(cell)))
  return align === 'right' ? blanks + cell : cell + blanks
}
