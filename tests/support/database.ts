import { randomBytes } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { inject } from 'vitest'
import { type Database, type OpenDatabase, openDatabase } from '../../src/db/client.ts'
import { createDatabase, postgresUrl } from './postgres.ts'

/** A migrated database of a test file's own; `truncate` empties it between tests, but for the installation. */
export type TestDatabase = {
  readonly db: Database
  readonly pool: OpenDatabase['pool']
  readonly url: string
  readonly engine: 'embedded' | 'postgres'
  readonly truncate: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Copies the migrated database made by the global set-up and opens the copy. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const { url, remove } = await copyDatabase()
  const opened = await openDatabase(url)
  return {
    db: opened.db,
    pool: opened.pool,
    url,
    engine: opened.engine,
    truncate: () => truncate(opened.db),
    close: async () => {
      await opened.close()
      remove()
    },
  }
}

/** A migrated database has 40 MB; a few are open at a time. */
const ROOM = 2_000_000_000

/** Where embedded databases of tests lie: in memory where there is room, which is a tenth faster. */
function scratchFolder(): string {
  const memory = '/dev/shm'
  if (!existsSync(memory)) return tmpdir()
  const { bavail, bsize } = statfsSync(memory)
  return bavail * bsize > ROOM ? memory : tmpdir()
}

/** A copy of the migrated database; `directUrl` leads to it past the PgBouncer, where there is one. */
export type DatabaseCopy = { readonly url: string; readonly directUrl: string; readonly remove: () => void }

/** Copies the migrated database without opening it, for tests that start processes. */
export async function copyDatabase(): Promise<DatabaseCopy> {
  const made = inject('database')
  if (made.kind === 'postgres') {
    const name = `test_${randomBytes(6).toString('hex')}`
    await createDatabase(postgresUrl(made.socketFolder, 'postgres'), name, 'template')
    const directUrl = postgresUrl(made.socketFolder, name)
    return {
      url: made.poolerFolder === null ? directUrl : postgresUrl(made.poolerFolder, name),
      directUrl,
      remove: () => {},
    }
  }
  const folder = mkdtempSync(join(scratchFolder(), 'courant-test-'))
  cpSync(join(made.folder, 'pgdata'), join(folder, 'pgdata'), { recursive: true })
  const url = `pglite://${folder}`
  return { url, directUrl: url, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/**
 * Empties every table but those of the installation, and lets ids begin with 1 again. `truncate` itself takes 93 ms on the
 * embedded database, this 8: it deletes, without foreign keys and the guard of the evidence, in one statement.
 */
async function truncate(db: Database): Promise<void> {
  await db.execute(sql`
    do $$ declare name text; begin
      perform set_config('session_replication_role', 'replica', true);
      for name in select quote_ident(relname) from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
          and relname not in ('migration', 'installation')
      loop
        execute 'delete from ' || name;
      end loop;
      perform setval(oid, 1, false) from pg_class where relkind = 'S' and relnamespace = 'public'::regnamespace;
    end $$`)
}
