import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../src/clock.ts'
import { type OpenDatabase, openDatabase } from '../src/db/client.ts'
import { migrateDatabase } from '../src/db/migrate.ts'
import { postgresUrl, startPostgres } from '../tests/support/postgres.ts'

/** A PostgreSQL of the benchmark's own, migrated, that writes to the disk as an operator's does; `close` removes it. */
export type BenchPostgres = { readonly url: string; readonly opened: OpenDatabase; readonly close: () => Promise<void> }

/** Starts it in a folder of the temporary folder, with Debian's settings. */
export async function openBenchPostgres(): Promise<BenchPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'courant-bench-'))
  const server = await startPostgres(folder, ['fsync=on'])
  const url = postgresUrl(server.socketFolder, 'template')
  const opened = await openDatabase(url)
  await migrateDatabase(opened.db, systemClock.now())
  return {
    url,
    opened,
    close: async () => {
      await opened.close()
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
