import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { clockFrom, type Temporal } from '../../src/clock.ts'
import { RETENTION_DAYS } from '../../src/editions/retention/drop-partitions.ts'
import { runMaintenance } from '../../src/scheduler/maintenance.ts'
import { endAll, readPartitions, takeIds } from '../editions/partition-fixtures.ts'
import { freshDatabase } from '../support/fresh.ts'
import { planByHand } from '../support/planned.ts'
import { addEva } from './newsletter-fixtures.ts'
import { MONDAY } from './times.ts'

const { db } = await freshDatabase()

/** Runs maintenance at `now`, and returns what it logged. */
async function runMaintenanceAt(now: Temporal.Instant): Promise<readonly Record<string, unknown>[]> {
  const lines: string[] = []
  await runMaintenance(
    db,
    pino({ base: null, timestamp: false }, { write: (line) => lines.push(line) }),
    clockFrom(now),
  )
  return lines.map((line) => JSON.parse(line))
}

test('maintenance creates partitions ahead, drops old ones after 180 days, and logs it once', async () => {
  const { tagblatt } = await addEva(db)
  await planByHand(db, { newsletterId: tagblatt.id }, clockFrom(MONDAY))
  await endAll(db, MONDAY)
  await takeIds(db, 1000)
  expect(await runMaintenanceAt(MONDAY)).toEqual([])
  expect(await readPartitions(db)).toEqual(['delivery_0', 'delivery_1', 'delivery_2'])
  const end = MONDAY.add({ hours: RETENTION_DAYS * 24 })
  expect(await runMaintenanceAt(end.subtract({ seconds: 1 }))).toEqual([])
  expect(await runMaintenanceAt(end)).toEqual([{ level: 30, partition: 'delivery_0', msg: 'deliveries.dropped' }])
  expect(await runMaintenanceAt(end.add({ minutes: 1 }))).toEqual([])
  expect((await db.execute(sql`select from delivery`)).rows).toEqual([])
})
