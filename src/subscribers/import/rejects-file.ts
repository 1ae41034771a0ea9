import { appendFile, rm, writeFile } from 'node:fs/promises'
import { join, parse } from 'node:path'
import { stringify } from 'csv-stringify/sync'
import { CourantError, reasonOf } from '../../errors.ts'
import type { TableRow } from './csv/records.ts'
import { foldWord } from './state-column.ts'

/** A row that was not imported, and the sentence that says why. */
type Reject = { readonly row: TableRow; readonly reason: string }

/** Keeps the rejects of an import beside its file, so that they can be corrected there and imported by themselves. */
type RejectsFile = {
  readonly add: (rejects: readonly Reject[]) => Promise<void>
  /** Null while nothing was rejected. */
  readonly name: () => string | null
}

/** What rejects are written with: as the imported file was. */
type Style = { readonly names: readonly string[]; readonly delimiter: string }

/** The columns before those of the file. */
const OWN_COLUMNS = ['line', 'reason']

/**
 * Forgets the rejects of an earlier run of the same file; a new one is made with the first reject.
 *
 * @throws CourantError `import.rejects`.
 */
export async function openRejects(file: string, { names, delimiter }: Style): Promise<RejectsFile> {
  const { dir, name } = parse(file)
  const path = join(dir, `${name}.rejects.csv`)
  // Rejects that are imported again have these columns already.
  const skipped = OWN_COLUMNS.every((column, index) => foldWord(names[index] ?? '') === column) ? OWN_COLUMNS.length : 0
  const write = (records: readonly (readonly unknown[])[]) =>
    stringify(
      records.map((record) => [...record]),
      { delimiter, quoted_match: '\r' },
    )
  await orRefused(path, rm(path, { force: true }))
  let made = false
  return {
    add: async (rejects) => {
      if (rejects.length === 0) return
      if (!made)
        await orRefused(path, writeFile(path, write([[...OWN_COLUMNS, ...names.slice(skipped)]]), { mode: 0o600 }))
      made = true
      const records = rejects.map(({ row, reason }) => [row.line, reason, ...row.cells.slice(skipped)])
      await orRefused(path, appendFile(path, write(records)))
    },
    name: () => (made ? path : null),
  }
}

async function orRefused(path: string, work: Promise<unknown>): Promise<void> {
  await work.catch((cause: unknown) => {
    throw new CourantError('import.rejects', {
      what: `The rejected rows cannot be written to ${path}.`,
      why: reasonOf(cause),
      todo: 'Make room there, or move the file to a folder that can be written to, and import it again: rows that are stored already do no harm.',
      cause,
    })
  })
}
