import type { Clock, Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { retryTransient } from '../../db/transient.ts'
import { CourantError, reasonOf } from '../../errors.ts'
import { type Count, FORECAST_COUNTS, type ForecastCount, forecastChunk, readChunk, storeChunk } from './chunk.ts'
import type { InputFile } from './csv/input-file.ts'
import type { TableRow } from './csv/records.ts'
import type { Table } from './csv/table.ts'
import type { Header } from './header.ts'
import { openRejects } from './rejects-file.ts'
import { type NewsletterLookup, type ReadRow, readRow } from './row.ts'
import { SeenNames } from './seen-addresses.ts'

/** A file whose rows are gone through, and where they belong. */
type Job = {
  readonly db: Database
  readonly file: InputFile
  readonly table: Table<Header>
  readonly shelf: NewsletterLookup
  readonly clock: Clock
  readonly onProgress: (readBytes: number, totalBytes: number) => void
}

/**
 * What an import is going to do. `rows` is the sum of the others; `asked` is how many readers get a mail that asks them to
 * confirm, those among them who are known but were never asked.
 */
export type ImportForecast = Readonly<Record<ForecastCount | 'rows' | 'asked', number>>

/**
 * What became of the rows. `rows` is the sum of the others: `added` ones are active, `pending` ones wait for their reader,
 * `updated` and `unchanged` ones were there before, `duplicates` are later rows of one reader, `rejected` ones are kept in
 * `rejectsFile` (null when there are none).
 */
export type ImportResult = Readonly<Record<Count, number>> & {
  readonly rows: number
  readonly rejectsFile: string | null
}

/** Rows a transaction: the embedded engine takes a third of a second for them, and everybody else waits so long. */
const CHUNK_ROWS = 1_000
/** Nobody waits for a page: a server may restart within the ten seconds that these take. */
const MOST_TRIES = 10

/**
 * Goes through all rows and says what storing them would do; changes nothing. `unwanted` is given the readers whom a row
 * says nobody may mail.
 *
 * @throws CourantError `import.file`, `import.changed`, `import.stopped`.
 */
export async function forecastRows(job: Job, unwanted: SeenNames): Promise<ImportForecast> {
  const { db, clock } = job
  const sums = { rows: 0, added: 0, pending: 0, known: 0, duplicates: 0, rejected: 0 }
  const seen = new SeenNames()
  const asked = new SeenNames()
  let isLate = false
  for await (const rows of chunksOf(job)) {
    const now = clock.now()
    const chunk = readChunk(rows, { read: readerOf(job, now), unwanted, withheld: false })
    isLate ||= chunk.unwanted.some((key) => seen.has(key))
    const { counts, addresses } = await repeated(clock, 0, () => forecastChunk(db, chunk, seen, now))
    sums.rows += rows.length
    for (const count of FORECAST_COUNTS) sums[count] += counts[count]
    for (const address of addresses) asked.add(address)
  }
  // A reader was counted in before a later row said that they are not to be mailed. Now all of those are known.
  return isLate ? forecastRows(job, unwanted) : { ...sums, asked: asked.count }
}

/**
 * Stores all rows, some thousand a transaction; `mails` says whether readers are asked to confirm now, `unwanted` who is not
 * to be mailed at all.
 *
 * @throws CourantError `import.file`, `import.changed`, `import.rejects`, `import.stopped`.
 */
export async function storeRows(job: Job, unwanted: SeenNames, mails: 'send' | 'withhold'): Promise<ImportResult> {
  const { db, clock } = job
  const rejects = await openRejects(job.file.path, job.table)
  const counts: Record<Count, number> = { added: 0, updated: 0, unchanged: 0, duplicates: 0, pending: 0, rejected: 0 }
  const seen = new SeenNames()
  let storedLine = 0
  for await (const rows of chunksOf(job)) {
    const now = clock.now()
    const chunk = readChunk(rows, { read: readerOf(job, now), unwanted, withheld: mails === 'withhold' })
    const outcomes = await repeated(clock, storedLine, () => storeChunk(db, chunk, seen, now))
    storedLine = rows.at(-1)?.line ?? storedLine
    await rejects.add(outcomes.flatMap(({ row, reason }) => (reason === null ? [] : [{ row, reason }])))
    for (const { count } of outcomes) counts[count]++
  }
  const rows = Object.values(counts).reduce((sum, count) => sum + count, 0)
  return { rows, ...counts, rejectsFile: rejects.name() }
}

const readerOf =
  ({ table, shelf }: Job, now: Temporal.Instant) =>
  (row: TableRow): ReadRow =>
    readRow(row, table.header, shelf, now)

/** The rows of the file; each chunk only while the file is still the one that was opened. */
async function* chunksOf({ table, file, onProgress }: Job): AsyncGenerator<readonly TableRow[], undefined> {
  let chunk: TableRow[] = []
  for await (const rows of table.rows())
    for (const row of rows) {
      chunk.push(row)
      if (chunk.length < CHUNK_ROWS) continue
      await file.ensureUnchanged()
      yield chunk
      onProgress(file.readBytes(), file.totalBytes)
      chunk = []
    }
  await file.ensureUnchanged()
  if (chunk.length > 0) yield chunk
  onProgress(file.readBytes(), file.totalBytes)
}

/** Does work on the database, again while it fails for a reason that may pass; `storedLine` is 0 where nothing is stored. */
async function repeated<T>(clock: Clock, storedLine: number, work: () => Promise<T>): Promise<T> {
  try {
    return await retryTransient(clock, work, { mayRepeat: (tries) => tries < MOST_TRIES })
  } catch (cause) {
    throw new CourantError('import.stopped', {
      what: `The import stopped: ${storedLine > 0 ? `rows up to line ${storedLine} of the file are stored` : 'nothing was stored'}.`,
      why: reasonOf(cause),
      todo: 'Once that is mended, run the same command again: rows that are stored already do no harm.',
      cause,
    })
  }
}
