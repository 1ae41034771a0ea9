import { appendFile, rm, writeFile } from 'node:fs/promises'
import { join, parse } from 'node:path'
import { stringify } from 'csv-stringify/sync'
import type { Table, TableRow } from './table.ts'

/** A row that was not imported, and the sentence that says why. */
type Reject = { readonly row: TableRow; readonly reason: string }

/** Keeps the rejects of an import beside its file, so that they can be corrected there and imported by themselves. */
type RejectsFile = {
  readonly add: (rejects: readonly Reject[]) => Promise<void>
  /** Null while nothing was rejected. */
  readonly name: () => string | null
}

/** Forgets the rejects of an earlier run of the same file; a new one is made with the first reject. */
export async function openRejects(file: string, table: Table): Promise<RejectsFile> {
  const { dir, name } = parse(file)
  const path = join(dir, `${name}.rejects.csv`)
  await rm(path, { force: true })
  let made = false
  const write = (records: readonly (readonly unknown[])[]) =>
    stringify(
      records.map((record) => [...record]),
      { delimiter: table.delimiter },
    )
  return {
    add: async (rejects) => {
      if (rejects.length === 0) return
      if (!made) await writeFile(path, write([['line', 'reason', ...table.header]]), { mode: 0o600 })
      made = true
      await appendFile(path, write(rejects.map(({ row, reason }) => [row.line, reason, ...row.cells])))
    },
    name: () => (made ? path : null),
  }
}
