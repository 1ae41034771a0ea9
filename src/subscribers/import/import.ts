import type { Clock } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { CourantError } from '../../errors.ts'
import { findNewsletter, listNewsletters } from '../../newsletters/newsletters.ts'
import { type Encoding, findEncoding } from './csv/encoding.ts'
import { openInput } from './csv/input-file.ts'
import { openTable } from './csv/table.ts'
import { type Header, KNOWN_COLUMNS, readHeader } from './header.ts'
import { forecastRows, type ImportForecast, type ImportResult, storeRows } from './passes.ts'
import type { NewsletterLookup } from './row.ts'
import { SeenNames } from './seen-addresses.ts'

/** A CSV file, and the newsletter of rows that name none (null: the only one there is). */
type ImportOrder = { readonly file: string; readonly newsletter: string | null }

/** What an import tells on its way, and asks. */
export type ImportWatch = {
  /** Columns of the file that an import does not know and leaves out, and the encoding where it had to be guessed. */
  readonly onRead: (found: { readonly unknown: readonly string[]; readonly guessed: string | null }) => void
  /**
   * Asked before anything is written: whether the mails may go out that ask for confirmation. Withheld, they wait for an
   * import that may send them. Whoever wants no import throws.
   */
  readonly accept: (forecast: ImportForecast) => Promise<'send' | 'withhold'>
  readonly onProgress: (readBytes: number, totalBytes: number) => void
}

/**
 * Imports subscribers from CSV: reads the file once to say what it will do, and once more to do it, a chunk of rows a
 * transaction. Killed or failed, it is simply run again. It never raises consent: a reader who is known stays pending,
 * active, paused or left, whatever the row says, and a row that says its reader is not to be mailed is rejected. Rows of one
 * address are worked off in order, as if each were added by hand: the first decides on consent, later ones only update.
 *
 * @throws CourantError `import.file`, `import.format`, `import.header`, `import.changed`, `import.rejects`, `import.stopped`,
 * `newsletter.unknown`, `newsletter.ambiguous`, and what `accept` throws.
 */
export async function importSubscribers(
  db: Database,
  order: ImportOrder,
  watch: ImportWatch,
  clock: Clock,
): Promise<ImportResult> {
  const file = await openInput(order.file)
  try {
    const encoding = await findEncoding(file)
    const table = await openTable(file, encoding, readHeader)
    if (table === null) throw headerError()
    watch.onRead({ unknown: table.header.unknown, guessed: guessedOf(encoding) })
    const shelf = await readShelf(db, order, table.header)
    const job = { db, file, table, shelf, clock, onProgress: watch.onProgress }
    const unwanted = new SeenNames()
    const mails = await watch.accept(await forecastRows(job, unwanted))
    return await storeRows(job, unwanted, mails)
  } finally {
    await file.close()
  }
}

/**
 * Refuses an import that brought nothing.
 *
 * @throws CourantError `import.nothing`.
 */
export function requireRows({ rows, added, updated, unchanged, pending, rejectsFile }: ImportResult): void {
  if (added + updated + unchanged + pending > 0) return
  throw new CourantError('import.nothing', {
    what: rows === 0 ? 'The file has no rows below its header.' : 'Not one row of the file was imported.',
    why: rejectsFile === null ? undefined : `The reasons are in ${rejectsFile}.`,
    todo: 'Correct the file and import it again.',
  })
}

function headerError(): CourantError {
  return new CourantError('import.header', {
    what: 'The first line of the file must name its columns, email among them and each once.',
    why: `Known columns: ${KNOWN_COLUMNS}.`,
    todo: 'Add such a line, or correct it, and import again.',
  })
}

const guessedOf = (encoding: Encoding) => (encoding.kind === 'octets' ? encoding.fallback : null)

async function readShelf(db: Database, order: ImportOrder, header: Header): Promise<NewsletterLookup> {
  const all = await listNewsletters(db)
  const bySlug = new Map(all.map((newsletter) => [newsletter.slug, newsletter]))
  const isNamed = order.newsletter === null && header.places.newsletter !== undefined && all.length !== 1
  return { bySlug, meant: isNamed ? null : await findNewsletter(db, order.newsletter) }
}
