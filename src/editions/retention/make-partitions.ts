import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { withLockTimeout } from './lock-timeout.ts'

/** Editions in one partition of `delivery`, which has its number in its name: edition 2345 is in `delivery_2`. */
export const EDITIONS_PER_PARTITION = 1000
/** As many editions as a thousand newsletters make in one slot; the next tick makes room for more. */
const IDS_AHEAD = 1000
/** Any number, the same in every process. */
const PARTITION_LOCK = 7_236_514

/**
 * Makes the partitions of the ids that come next, a thousand of them, so that planning finds them there. The sequence is
 * asked, since ids are also taken by slots that were missed and by plans that were undone. What cannot be had at once is
 * left to the next tick.
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
    for (const { number } of missing.rows) await makeNumbered(tx, number)
  })
}

/**
 * Makes the partition of an edition's id where house-keeping has not: planning's safety net, within its transaction.
 * Another planner that makes the same is waited for.
 */
export async function ensurePartition(tx: Database, editionId: number): Promise<void> {
  const number = Math.floor(editionId / EDITIONS_PER_PARTITION)
  if (!(await partitionExists(tx, number))) await makeNumbered(tx, number)
}

/**
 * Made apart and then attached, which readers and writers of `delivery` neither wait for nor hold up; made as a partition
 * in one statement it would lock them all out.
 */
async function makeNumbered(tx: Database, number: number): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${PARTITION_LOCK})`)
  if (await partitionExists(tx, number)) return
  const name = `delivery_${number}`
  const [from, to] = [number * EDITIONS_PER_PARTITION, (number + 1) * EDITIONS_PER_PARTITION]
  await tx.execute(sql.raw(`create table ${name} (like delivery including all) with (fillfactor = 50)`))
  await tx.execute(sql.raw(`alter table delivery attach partition ${name} for values from (${from}) to (${to})`))
}

/**
 * Whether there is the partition of this number. Asked of the catalogue's rows: `to_regclass` answers from a cache that
 * misses what another committed while the lock was awaited.
 */
export async function partitionExists(tx: Database, number: number): Promise<boolean> {
  const rows = await tx.execute(sql`
    select from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'delivery'::regclass and c.relname = ${`delivery_${number}`}`)
  return rows.rows.length > 0
}
