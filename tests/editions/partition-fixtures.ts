import { sql } from 'drizzle-orm'
import type { Temporal } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import { finishEditions } from '../../src/editions/editions.ts'
import { ensurePartition } from '../../src/editions/retention/make-partitions.ts'

/** Reads the names of the existing partitions. */
export async function readPartitions(db: Database): Promise<readonly string[]> {
  const rows = await db.execute<{ name: string }>(sql`
    select inhrelid::regclass::text as name from pg_inherits where inhparent = 'delivery'::regclass order by inhrelid`)
  return rows.rows.map(({ name }) => name).toSorted()
}

/** Restores the two partitions of a migrated database, whatever a test created or dropped. */
export async function restorePartitions(db: Database): Promise<void> {
  for (const name of await readPartitions(db)) await db.execute(sql.raw(`drop table ${name}`))
  await db.transaction(async (tx) => {
    for (const editionId of [0, 1000]) await ensurePartition(tx, editionId)
  })
}

/** Makes this id the last one used: by an edition, or by a plan that was rolled back. */
export async function takeIds(db: Database, last: number): Promise<void> {
  await db.execute(sql`select setval('edition_id_seq', ${last})`)
}

/** Marks everything planned as sent, and its editions as finished at `at`. */
export async function endAll(db: Database, at: Temporal.Instant): Promise<void> {
  await db.execute(sql`update delivery set state = 'sent', final_at = ${at.toString()}`)
  await db.execute(sql`update batch set sent = to_seq - from_seq + 1, due_at = null`)
  await finishEditions(db, {}, at)
}
