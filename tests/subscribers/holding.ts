import { sql } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'
import type { TestDatabase } from '../support/database.ts'

/** Starts `work` while `holding` has done its part and not yet committed; the embedded engine takes them in turn. */
export async function during<T>(
  { db, engine }: TestDatabase,
  holding: (tx: Database) => Promise<unknown>,
  work: () => Promise<T>,
): Promise<T> {
  const started: { work: Promise<T> | null } = { work: null }
  await db.transaction(async (tx) => {
    await holding(tx)
    started.work = work()
    started.work.catch(() => {})
    if (engine === 'postgres') await someoneWaits(tx)
  })
  if (started.work === null) throw new Error('nothing was started')
  return started.work
}

async function someoneWaits(tx: Database): Promise<void> {
  for (;;) {
    const found = await tx.execute<{ waiting: number }>(sql`
      select count(*) as waiting from pg_locks where not granted and pid <> pg_backend_pid()`)
    if ((found.rows[0]?.waiting ?? 0) > 0) return
  }
}
