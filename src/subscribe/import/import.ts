import type { Clock } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { CourantError } from '../../errors.ts'
import { findNewsletter, listNewsletters } from '../newsletter/newsletters.ts'
import { type Count, importChunk } from './chunk.ts'
import { openRejects } from './rejects.ts'
import { type Cells, COLUMNS, type Column, readRow, type Shelf } from './row.ts'
import { openTable, type Table, type TableRow } from './table.ts'

/** A CSV file, and the newsletter of rows that name none (null: the only one there is). */
type ImportOrder = { readonly file: string; readonly newsletter: string | null }

/**
 * `rows` is the sum of the others: `added` active, `pending` waiting for the reader, `updated` rows whose subscription
 * was there already (later rows of one address too), `rejected` rows kept in `rejectsFile` (null when none).
 */
export type ImportResult = {
  readonly rows: number
  readonly added: number
  readonly updated: number
  readonly pending: number
  readonly rejected: number
  readonly rejectsFile: string | null
}

/** What an import meets on its way. */
type ImportWatch = {
  /** Columns of the file that an import does not know and leaves out. */
  readonly onUnknown: (columns: readonly string[]) => void
  readonly onProgress: (readBytes: number, totalBytes: number) => void
}

/** Rows a transaction: the embedded engine takes a third of a second for them, and everybody else waits so long. */
const CHUNK_ROWS = 1_000

/**
 * Imports subscribers from CSV, a chunk of rows a transaction: killed, it is simply run again. It never raises consent:
 * a reader who is known stays pending, active, paused or left, whatever the row says. Rows of one address are worked off
 * in order, as if each were added by hand: the first decides on consent, later ones only update.
 *
 * @throws CourantError `import.file`, `import.header`, `import.csv`, `newsletter.unknown`, `newsletter.ambiguous`.
 */
export async function importSubscribers(
  db: Database,
  order: ImportOrder,
  watch: ImportWatch,
  clock: Clock,
): Promise<ImportResult> {
  const table = await openTable(order.file)
  try {
    return await importTable(db, order, table, watch, clock)
  } finally {
    table.close()
  }
}

async function importTable(
  db: Database,
  order: ImportOrder,
  table: Table,
  watch: ImportWatch,
  clock: Clock,
): Promise<ImportResult> {
  const columns = readHeader(table.header)
  watch.onUnknown(table.header.filter((_, index) => columns[index] === null))
  const shelf = await readShelf(db, order, columns)
  const rejects = await openRejects(order.file, table)
  const counts: Record<Count, number> = { added: 0, updated: 0, pending: 0, rejected: 0 }
  for await (const rows of chunksOf(table)) {
    const now = clock.now()
    const outcomes = await importChunk(db, rows, (row) => readRow(cellsOf(row, columns), shelf, now), now)
    await rejects.add(outcomes.flatMap(({ row, reason }) => (reason === null ? [] : [{ row, reason }])))
    for (const { count } of outcomes) counts[count]++
    watch.onProgress(table.readBytes(), table.totalBytes)
  }
  const rows = counts.added + counts.updated + counts.pending + counts.rejected
  return { rows, ...counts, rejectsFile: rejects.name() }
}

/** Which column each cell belongs to; null for unknown ones. */
function readHeader(header: readonly string[]): readonly (Column | null)[] {
  const plain = (name: string) => name.toLowerCase().replace(/[^a-z]/g, '')
  const columns = header.map((name) => COLUMNS.find((column) => plain(column) === plain(name)) ?? null)
  if (columns.includes('email') && new Set(columns.filter(Boolean)).size === columns.filter(Boolean).length)
    return columns
  throw new CourantError('import.header', {
    what: 'The first line of the file must name its columns, email among them and each once.',
    why: `Known columns: ${COLUMNS.join(', ')}.`,
    todo: 'Add such a line, or correct it, and import again.',
  })
}

async function readShelf(db: Database, order: ImportOrder, columns: readonly (Column | null)[]): Promise<Shelf> {
  const all = await listNewsletters(db)
  const bySlug = new Map(all.map((newsletter) => [newsletter.slug, newsletter]))
  const isNamed = order.newsletter === null && columns.includes('newsletter') && all.length !== 1
  return { bySlug, meant: isNamed ? null : await findNewsletter(db, order.newsletter) }
}

function cellsOf(row: TableRow, columns: readonly (Column | null)[]): Cells {
  const cell = (name: Column) => row.cells[columns.indexOf(name)] ?? ''
  return {
    email: cell('email'),
    name: cell('name'),
    locale: cell('locale'),
    newsletter: cell('newsletter'),
    topics: cell('topics'),
    rhythm: cell('rhythm'),
    weekday: cell('weekday'),
    hour: cell('hour'),
    timeZone: cell('timeZone'),
    confirmedAt: cell('confirmedAt'),
    evidence: cell('evidence'),
  }
}

async function* chunksOf(table: Table): AsyncGenerator<readonly TableRow[]> {
  let chunk: TableRow[] = []
  for await (const row of table.rows) {
    chunk.push(row)
    if (chunk.length < CHUNK_ROWS) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}
