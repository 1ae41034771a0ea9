import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import type { Temporal } from '../clock.ts'
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
 */
export async function migrateDatabase(db: Database, now: Temporal.Instant): Promise<number> {
  const migrations = readMigrationFiles({ migrationsFolder: FOLDER })
  return db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`)
    await tx.execute(sql`create table if not exists migration (hash text primary key, made_at bigint not null)`)
    const done = await tx.execute<{ made_at: number }>(sql`select made_at from migration order by made_at desc limit 1`)
    const last = done.rows[0]?.made_at ?? 0
    const due = migrations.filter((migration) => migration.folderMillis > last)
    for (const migration of due) {
      for (const statement of migration.sql) await tx.execute(sql.raw(statement))
      await tx.execute(sql`insert into migration (hash, made_at) values (${migration.hash}, ${migration.folderMillis})`)
    }
    await tx
      .insert(installation)
      .values({ id: 1, hashKey: randomBytes(32), epoch: 1, createdAt: now })
      .onConflictDoNothing()
    return due.length
  })
}
