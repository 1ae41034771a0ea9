import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { findEncoding } from '../../../src/subscribers/import/csv/encoding.ts'
import { openInput } from '../../../src/subscribers/import/csv/input-file.ts'
import type { TableRow } from '../../../src/subscribers/import/csv/records.ts'
import { openTable } from '../../../src/subscribers/import/csv/table.ts'
import { readHeader } from '../../../src/subscribers/import/header.ts'

/** A table as read: null for a file without a header. */
export type ReadTable = {
  readonly names: readonly string[]
  readonly delimiter: string
  readonly rows: readonly TableRow[]
} | null

/** Makes what reads a file, written in pieces, as an import does; its folder goes after the last test. */
export function openTables(): (...pieces: readonly (string | Buffer)[]) => Promise<ReadTable> {
  const folder = mkdtempSync(join(tmpdir(), 'courant-table-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  let count = 0
  return async (...pieces) => {
    const path = join(folder, `${count++}.csv`)
    for (const piece of pieces) appendFileSync(path, piece)
    const file = await openInput(path)
    try {
      const table = await openTable(file, await findEncoding(file), readHeader)
      if (table === null) return null
      const rows: TableRow[] = []
      for await (const some of table.rows()) rows.push(...some)
      return { names: table.names, delimiter: table.delimiter, rows }
    } finally {
      await file.close()
      rmSync(path)
    }
  }
}

/** UTF-16 with the most significant octet first. */
export const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()
