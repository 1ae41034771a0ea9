import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { systemClock } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import { countDeliveries } from '../../src/editions/reports/counts.ts'

/** How a sending stood at a moment. */
export type Sample = {
  readonly atMs: number
  readonly planned: number
  readonly sent: number
  readonly residentMb: number
  /** Of deliveries and batches, as PostgreSQL's statistics have them. */
  readonly deadRows: number
  /** Deliveries and batches with their indexes. */
  readonly tableMb: number
}

const EVERY_MS = 500
/** Longer than a lease that nobody gives back. */
const MOST_STANDSTILL_MS = 60_000

/** Looks twice a second until no delivery of the edition is open; throws when nothing is sent for a minute. */
export async function watchSending(
  db: Database,
  editionId: number,
  residentMb: () => number,
): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  let movedMs = systemClock.monotonicMs()
  for (;;) {
    const { planned, sent, queued, sending, deferred } = await countDeliveries(db, editionId)
    const atMs = systemClock.monotonicMs()
    if (sent !== samples.at(-1)?.sent) movedMs = atMs
    if (atMs - movedMs > MOST_STANDSTILL_MS) throw new Error(`Nothing is sent any more: ${sent} of ${planned}.`)
    samples.push({ atMs, planned, sent, residentMb: residentMb(), ...(await readTables(db)) })
    if (queued + sending + deferred === 0) return samples
    await pause(EVERY_MS)
  }
}

async function readTables(db: Database): Promise<Pick<Sample, 'deadRows' | 'tableMb'>> {
  const rows = await db.execute<Pick<Sample, 'deadRows' | 'tableMb'>>(sql`
    select sum(n_dead_tup)::bigint as "deadRows", round(sum(pg_total_relation_size(relid)) / 1e6)::bigint as "tableMb"
    from pg_stat_user_tables where relname ~ '^(delivery_[0-9]+|batch)$'`)
  return rows.rows[0] ?? { deadRows: 0, tableMb: 0 }
}
