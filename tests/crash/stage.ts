import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { migrateDatabase } from '../../src/db/migrate.ts'
import { startPgbouncer, type TestPgbouncer } from '../support/pgbouncer.ts'
import { createDatabase, postgresUrl, startPostgres, type TestPostgres } from '../support/postgres.ts'
import { populate } from './readers.ts'
import { type CrashRelay, openRelay } from './relay.ts'

/** An engine, a newsletter with readers, and a relay: what the rounds play on. */
export type Stage = {
  readonly engine: 'embedded' | 'postgres'
  /** For a process that comes to the relay by this door. */
  readonly environmentBy: (door: number) => Readonly<Record<string, string>>
  readonly relay: CrashRelay
  readonly readers: number
  /** Null on the embedded engine. */
  readonly postgres: TestPostgres | null
  /** Null where processes come to the database directly. */
  readonly pooler: TestPgbouncer | null
  /** Works on the database for a moment; an embedded one must be in nobody's hands, or its holder serves. */
  readonly look: <T>(use: (db: Database) => Promise<T>) => Promise<T>
  readonly close: () => Promise<void>
}

/** Enough that a sending takes about a second. */
const READERS = { embedded: 300, postgres: 600 }
const CONNECTIONS = 5

/**
 * Sets it up: PostgreSQL with its data on disk and fsync on, where asked for behind a PgBouncer in transaction mode, or an
 * embedded folder on disk.
 */
export async function openStage(engine: Stage['engine'], isPooled = false): Promise<Stage> {
  const readers = READERS[engine]
  const folder = mkdtempSync(join(tmpdir(), 'courant-crash-'))
  const postgres = engine === 'postgres' ? await startPostgres(folder, ['fsync=on', 'full_page_writes=on']) : null
  if (postgres !== null) await createDatabase(postgresUrl(postgres.socketFolder, 'postgres'), 'crash')
  const pooler = isPooled && postgres !== null ? await startPgbouncer(folder, postgres.socketFolder) : null
  const server = pooler ?? postgres
  const url = server === null ? `pglite://${folder}` : postgresUrl(server.socketFolder, 'crash')
  const look: Stage['look'] = async (use) => {
    const opened = await openDatabase(url, 2)
    try {
      return await use(opened.db)
    } finally {
      await opened.close()
    }
  }
  await look(async (db) => {
    await migrateDatabase(db, systemClock.now())
    await populate(db, readers)
  })
  const relay = await openRelay()
  return {
    engine,
    environmentBy: (door) => ({
      DATABASE_URL: url,
      SMTP_URL: `smtp://127.0.0.1:${relay.ports[door]}?connections=${CONNECTIONS}`,
      BASE_URL: 'https://digest.example.org',
      SECRET: 'a secret of the tests that is long enough',
      PORT: '0',
    }),
    relay,
    readers,
    postgres,
    pooler,
    look,
    close: async () => {
      await relay.close()
      await pooler?.stop()
      await postgres?.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
