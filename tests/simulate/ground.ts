import { sql } from 'drizzle-orm'
import { systemClock } from '../../src/clock.ts'
import { type Database, type OpenDatabase, openDatabase } from '../../src/db/client.ts'
import { migrateDatabase } from '../../src/db/migrate.ts'
import type { Ground } from './simulation.ts'
import { loadProperties } from './stage.ts'

/** A ground and how to leave it. */
export type OpenGround = Ground & { readonly close: () => Promise<void> }

/** Opens the database of this URL for simulations, and migrates it where it is new. */
export async function openGround(url: string): Promise<OpenGround> {
  const opened = await openDatabase(url)
  await migrateDatabase(opened.db, systemClock.now())
  await warm(opened)
  const { db, pool, close } = opened
  return { db, pool, empty: () => empty(db), properties: await loadProperties(), close }
}

/** All connections are made before anybody uses one, so that none of them is late in a simulation. */
async function warm({ pool }: OpenDatabase): Promise<void> {
  const clients = await Promise.all(Array.from({ length: 10 }, () => pool.connect()))
  for (const client of clients) client.release()
}

/** Empties every table but those of the installation, and lets ids begin with 1 again. */
async function empty(db: Database): Promise<void> {
  const tables = await db.execute<{ name: string }>(sql`
    select quote_ident(relname) as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
      and relname not in ('migration', 'installation')`)
  const looks = tables.rows.map(({ name }) => `select '${name}' as name where exists (select from ${name})`)
  const full = await db.execute<{ name: string }>(sql.raw(looks.join(' union all ')))
  await db.transaction(async (tx) => {
    await tx.execute(sql`set local session_replication_role = replica`)
    for (const { name } of full.rows) await tx.execute(sql.raw(`delete from ${name}`))
    await tx.execute(sql`
      select setval(oid, 1, false) from pg_class where relkind = 'S' and relnamespace = 'public'::regnamespace`)
  })
}
