import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { withLockTimeout } from './lock-timeout.ts'

/** How many editions a partition of `delivery` holds. Its number is in its name: edition 2345 is in `delivery_2`. */
export const EDITIONS_PER_PARTITION = 1000
/** As many editions as a thousand newsletters have in one slot; the next tick makes room for more. */
const IDS_AHEAD = 1000
/** An arbitrary number, the same in every process. */
const PARTITION_LOCK = 7_236_514

/**
 * Creates the partitions for the next thousand edition ids, so that planning finds them there. They are counted from the
 * sequence, since missed slots and rolled back plans use up ids too. What cannot be locked at once is left to the next tick.
 */
export async function createPartitionsAhead(db: Database): Promise<void> {
  const missing = await db.execute<{ number: number }>(sql`
    select number from edition_id_seq, generate_series(
      last_value / ${EDITIONS_PER_PARTITION}::bigint, (last_value + ${IDS_AHEAD}) / ${EDITIONS_PER_PARTITION}::bigint) as number
    where not exists (
      select from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'delivery'::regclass and c.relname = 'delivery_' || number
    )
    order by number`)
  if (missing.rows.length === 0) return
  await withLockTimeout(db, async (tx) => {
    for (const { number } of missing.rows) await createPartition(tx, number)
  })
}

/**
 * Creates the partition for an edition's id, within planning's transaction, where maintenance has not; waits for another
 * planner that is creating the same one.
 */
export async function ensurePartition(tx: Database, editionId: number): Promise<void> {
  const number = Math.floor(editionId / EDITIONS_PER_PARTITION)
  if (!(await partitionExists(tx, number))) await createPartition(tx, number)
}

/**
 * Created as a table and then attached, which neither waits for readers and writers of `delivery` nor makes them wait;
 * created as a partition in one statement it would lock them all out.
 */
async function createPartition(tx: Database, number: number): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${PARTITION_LOCK})`)
  if (await partitionExists(tx, number)) return
  const name = `delivery_${number}`
  const [from, to] = [number * EDITIONS_PER_PARTITION, (number + 1) * EDITIONS_PER_PARTITION]
  await tx.execute(sql.raw(`create table ${name} (like delivery including all) with (fillfactor = 50)`))
  await tx.execute(sql.raw(`alter table delivery attach partition ${name} for values from (${from}) to (${to})`))
}

/**
 * Whether the partition of this number exists. Read from the catalogue's rows, since `to_regclass` answers from a cache
 * that misses what another transaction committed while this one waited for the lock.
 */
export async function partitionExists(tx: Database, number: number): Promise<boolean> {
  const rows = await tx.execute(sql`
    select from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'delivery'::regclass and c.relname = ${`delivery_${number}`}`)
  return rows.rows.length > 0
}
