import { type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { finalCount } from '../../db/sql.ts'
import { withLockTimeout } from './lock-timeout.ts'
import { EDITIONS_PER_PARTITION, partitionExists } from './make-partitions.ts'

/**
 * Deliveries record who received what, and are kept no longer than anybody asks: bounces and complaints come within days,
 * "why did I get this?" and a dispute over a mail within months. Half a year covers them all.
 */
export const RETENTION_DAYS = 180

/**
 * Drops the oldest partition of `delivery` whose editions have all been over for 180 days, and returns its name; null when
 * there is none, or it cannot be locked at once. Drops one whole partition a call. Editions, their articles and the
 * counters of their batches stay.
 */
export async function dropOldPartition(db: Database, now: Temporal.Instant): Promise<string | null> {
  const endedBy = now.subtract({ hours: RETENTION_DAYS * 24 })
  const number = await findOldPartition(db, endedBy)
  if (number === null) return null
  return withLockTimeout(db, async (tx) => {
    await tx.execute(sql`lock table only delivery in access exclusive mode`)
    return dropIfOld(tx, number, endedBy)
  })
}

/**
 * The partition of the last id is still in use. The counters of the batches tell whether every delivery is final; they are
 * read only where the editions are old enough.
 */
async function findOldPartition(db: Database, endedBy: Temporal.Instant): Promise<number | null> {
  const rows = await db.execute<{ number: number }>(sql`
    select p.number from edition_id_seq, (
      select substring(c.relname from '^delivery_([0-9]+)$')::bigint as number
      from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'delivery'::regclass
    ) p
    where p.number < last_value / ${EDITIONS_PER_PARTITION}::bigint and not exists (
      select from edition e where ${isInPartition(sql`p.number`)} and case when ${isRecent(endedBy)} then true else exists (
        select from batch b where b.edition_id = e.id and (b.due_at is not null or ${finalCount} <= b.to_seq - b.from_seq)
      ) end
    )
    order by p.number limit 1`)
  return rows.rows[0]?.number ?? null
}

/**
 * Checks again with the table locked: another scheduler may have dropped it, or a planner may have committed an edition
 * whose id came from the sequence long before.
 */
async function dropIfOld(tx: Database, number: number, endedBy: Temporal.Instant): Promise<string | null> {
  const recent = await tx.execute(sql`
    select from edition e where ${isInPartition(sql`${number}::bigint`)} and ${isRecent(endedBy)} limit 1`)
  if (recent.rows.length > 0 || !(await partitionExists(tx, number))) return null
  const name = `delivery_${number}`
  await tx.execute(sql`drop table ${sql.identifier(name)}`)
  return name
}

/** Whether edition `e` is in the partition. */
const isInPartition = (number: SQL) =>
  sql`e.id >= ${number} * ${EDITIONS_PER_PARTITION} and e.id < (${number} + 1) * ${EDITIONS_PER_PARTITION}`

/** Whether edition `e` is not over, or has not been for long enough. */
const isRecent = (endedBy: Temporal.Instant) => sql`
  (e.state not in ('finished', 'cancelled', 'missed') or e.finished_at is null or e.finished_at > ${endedBy.toString()})`
