import { type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { withLockTimeout } from './lock-timeout.ts'
import { EDITIONS_PER_PARTITION, partitionExists } from './make-partitions.ts'

/**
 * Deliveries say who got what, and are kept no longer than somebody asks: bounces and complaints come within days, "why
 * did I get this?" and a dispute over a mail within months. Half a year answers them all.
 */
export const RETENTION_DAYS = 180

/**
 * Drops the oldest partition of `delivery` all of whose editions have been over for 180 days, and returns its name; null
 * when there is none, or it cannot be had at once. One a call, whole. Editions, their articles and the counters of their
 * batches stay.
 */
export async function dropOldPartition(db: Database, now: Temporal.Instant): Promise<string | null> {
  const endedBy = now.subtract({ hours: RETENTION_DAYS * 24 })
  const number = await findOld(db, endedBy)
  if (number === null) return null
  return withLockTimeout(db, async (tx) => {
    await tx.execute(sql`lock table only delivery in access exclusive mode`)
    return dropIfOld(tx, number, endedBy)
  })
}

/**
 * The partition of the last id is still in use. Whether every delivery is final is asked of the batches, and only where the
 * editions have not said no.
 */
async function findOld(db: Database, endedBy: Temporal.Instant): Promise<number | null> {
  const rows = await db.execute<{ number: number }>(sql`
    select p.number from edition_id_seq, (
      select substring(c.relname from '^delivery_([0-9]+)$')::bigint as number
      from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'delivery'::regclass
    ) p
    where p.number < last_value / ${EDITIONS_PER_PARTITION}::bigint and not exists (
      select from edition e where ${isIn(sql`p.number`)} and case when ${isYoung(endedBy)} then true else exists (
        select from batch s where s.edition_id = e.id and (s.due_at is not null
          or s.sent + s.failed + s.suppressed + s.skipped + s.superseded + s.cancelled <= s.to_seq - s.from_seq)
      ) end
    )
    order by p.number limit 1`)
  return rows.rows[0]?.number ?? null
}

/**
 * Asks again with the table locked: another scheduler may have dropped it, or a planner may have committed an edition whose
 * id it had taken long before.
 */
async function dropIfOld(tx: Database, number: number, endedBy: Temporal.Instant): Promise<string | null> {
  const young = await tx.execute(sql`
    select from edition e where ${isIn(sql`${number}::bigint`)} and ${isYoung(endedBy)} limit 1`)
  if (young.rows.length > 0 || !(await partitionExists(tx, number))) return null
  const name = `delivery_${number}`
  await tx.execute(sql`drop table ${sql.identifier(name)}`)
  return name
}

/** Edition `e` is one of the partition's. */
const isIn = (number: SQL) =>
  sql`e.id >= ${number} * ${EDITIONS_PER_PARTITION} and e.id < (${number} + 1) * ${EDITIONS_PER_PARTITION}`

/** Edition `e` is not over, or has not been for long enough. */
const isYoung = (endedBy: Temporal.Instant) => sql`
  (e.state not in ('finished', 'cancelled', 'missed') or e.finished_at is null or e.finished_at > ${endedBy.toString()})`
