import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { systemClock } from '../../src/clock.ts'
import { openDatabase } from '../../src/db/client.ts'
import { migrateDatabase } from '../../src/db/migrate.ts'
import { startPgbouncer } from './pgbouncer.ts'
import { postgresUrl, startPostgres } from './postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /**
     * A migrated embedded folder to copy, or a PostgreSQL whose database `template` is migrated, and the PgBouncer in front
     * of it that tests work through where there is one.
     */
    database:
      | { kind: 'embedded'; folder: string }
      | { kind: 'postgres'; socketFolder: string; poolerFolder: string | null }
  }
}

/**
 * Migrates one database for all test files: they copy it. `COURANT_TEST_ENGINE=postgres` runs them on PostgreSQL, and
 * `COURANT_TEST_POOLER=pgbouncer` behind a PgBouncer.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'courant-tests-'))
  if (process.env.COURANT_TEST_ENGINE === 'postgres') {
    const postgres = await startPostgres(folder)
    await migrate(postgresUrl(postgres.socketFolder, 'template'))
    const isPooled = process.env.COURANT_TEST_POOLER === 'pgbouncer'
    const pooler = isPooled ? await startPgbouncer(folder, postgres.socketFolder) : null
    const poolerFolder = pooler?.socketFolder ?? null
    project.provide('database', { kind: 'postgres', socketFolder: postgres.socketFolder, poolerFolder })
    return async () => {
      await pooler?.stop()
      await postgres.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
  await migrate(`pglite://${folder}`)
  project.provide('database', { kind: 'embedded', folder })
  return async () => rmSync(folder, { recursive: true, force: true })
}

async function migrate(url: string): Promise<void> {
  const opened = await openDatabase(url)
  await migrateDatabase(opened.db, systemClock.now())
  await opened.close()
}
