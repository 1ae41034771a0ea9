import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import type { Temporal } from '../clock.ts'
import { CourantError } from '../errors.ts'
import { readVersion } from '../version.ts'
import type { Database } from './client.ts'
import { installation } from './schema/installation.ts'

const FOLDER = fileURLToPath(new URL('../../drizzle', import.meta.url))
/** Any number, the same in every process: several that start at once migrate in turn. */
const MIGRATION_LOCK = 7_236_511

/**
 * Brings the schema up to date in one transaction under an advisory lock, so that several processes may start at once,
 * and names the installation. Returns how many migrations were applied.
 *
 * drizzle's own `migrate` reads its journal before it takes a lock: two that start together both apply the first file.
 *
 * @throws CourantError `database.newer` where a newer version of Courant has migrated it: an older one may misread its rows.
 */
export async function migrateDatabase(db: Database, now: Temporal.Instant): Promise<number> {
  const migrations = readMigrationFiles({ migrationsFolder: FOLDER })
  return db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`)
    await tx.execute(sql`create table if not exists migration (hash text primary key, made_at bigint not null)`)
    await tx.execute(sql`alter table migration add column if not exists made_by text`)
    const done = await tx.execute<Done>(sql`select made_at, made_by from migration order by made_at desc limit 1`)
    const last = done.rows[0]?.made_at ?? 0
    if (last > (migrations.at(-1)?.folderMillis ?? 0)) throw newer(done.rows[0]?.made_by ?? null)
    const due = migrations.filter((migration) => migration.folderMillis > last)
    for (const { hash, folderMillis, sql: statements } of due) {
      for (const statement of statements) await tx.execute(sql.raw(statement))
      await tx.execute(sql`
        insert into migration (hash, made_at, made_by) values (${hash}, ${folderMillis}, ${readVersion()})`)
    }
    await tx
      .insert(installation)
      .values({ id: 1, hashKey: randomBytes(32), epoch: 1, createdAt: now })
      .onConflictDoNothing()
    return due.length
  })
}

/** The last migration of a database, and which version of Courant applied it. */
type Done = { made_at: number; made_by: string | null }

function newer(madeBy: string | null): CourantError {
  const needed = madeBy === null ? 'a newer version' : `version ${madeBy} or a newer one`
  return new CourantError('database.newer', {
    what: `The database is newer than this program, which is version ${readVersion()}.`,
    why: 'A newer version of Courant has changed its tables, and an older one may misread them.',
    todo: `Start ${needed}, or restore a backup from before it was installed.`,
  })
}
