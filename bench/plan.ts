import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { clockFrom, systemClock } from '../src/clock.ts'
import { type Database, type OpenDatabase, openDatabase } from '../src/db/client.ts'
import { migrateDatabase } from '../src/db/migrate.ts'
import { planEdition } from '../src/editions/plan/plan.ts'
import { makeSlotRequest } from '../src/editions/plan-request.ts'
import { countContents } from '../src/editions/reports/counts.ts'
import { NOON } from '../tests/support/world.ts'
import { compareWithReference } from './plan/reference.ts'
import { watchStatements } from './plan/statements.ts'
import { makePlanWorld } from './plan/world.ts'
import { openBenchPostgres } from './postgres.ts'

/**
 * Planning of a slot, from its order to the last commit, for as many readers as the arguments say: on a PostgreSQL of its
 * own and, up to 100,000, on the embedded engine. Each plan is compared with plain loops over the readers.
 */
const sizes = process.argv.slice(2).map(Number)
const ON_POSTGRES = sizes.length > 0 ? sizes : [10_000, 100_000, 1_000_000]
const ON_EMBEDDED = Math.min(100_000, Math.max(...ON_POSTGRES))
const DEAREST = 8

console.log(`load ${loadavg()[0]?.toFixed(2)}`)
const postgres = await openBenchPostgres()
await planSizes('PostgreSQL', postgres.opened, ON_POSTGRES)
await postgres.close()

const folder = mkdtempSync(join(tmpdir(), 'courant-bench-'))
const embedded = await openDatabase(`pglite://${folder}`)
await migrateDatabase(embedded.db, systemClock.now())
await planSizes('embedded', embedded, [ON_EMBEDDED])
await embedded.close()
rmSync(folder, { recursive: true, force: true })

async function planSizes(engine: string, { db, pool }: OpenDatabase, all: readonly number[]): Promise<void> {
  const watch = watchStatements(pool)
  for (const readers of all) {
    const world = await makePlanWorld(db, readers)
    const order = makeSlotRequest(
      { id: world.newsletterId, minArticles: 1 },
      { frequency: 'daily', at: NOON },
      world.cohortIds,
    )
    watch.reset()
    const before = residentMb()
    const startMs = systemClock.monotonicMs()
    const { edition } = await planEdition(db, order, clockFrom(NOON))
    const ms = systemClock.monotonicMs() - startMs
    const after = residentMb()
    if (edition === null) throw new Error('Nothing was planned.')
    const dearest = watch.dearest(DEAREST)
    const { variants } = await countContents(db, edition.id)
    const { planned, compared } = await compareWithReference(db, world, edition.id, readers)
    console.log(
      `\n${engine}, ${readers} subscriptions: ${planned} planned in ${seconds(ms)} s, ` +
        `${((ms / readers) * 1000).toFixed(1)} ms per 1,000\n` +
        `  ${await countGroups(db)} groups, ${variants} variants; resident ${before} MB before, ${after} MB after; ` +
        `nobody missing, ${compared} readers as the reference has them`,
    )
    for (const cost of dearest) console.log(`  ${seconds(cost.ms)} s in ${cost.runs}: ${cost.statement}`)
  }
}

/** Readers alike in all that their selection depends on, cohort by cohort. */
async function countGroups(db: Database): Promise<number> {
  const rows = await db.execute<{ groups: number }>(sql`
    select count(*) as groups from (
      select distinct cohort_id, topics, locale, format, coalesce(own_seen, cohort_seen) from bench_reader where not suppressed
    ) alike`)
  return rows.rows[0]?.groups ?? 0
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2)
}

function residentMb(): number {
  return Math.round(process.memoryUsage().rss / 1e6)
}
