import { loadavg } from 'node:os'
import { sql } from 'drizzle-orm'
import { clockFrom } from '../src/clock.ts'
import { planEdition } from '../src/editions/plan/plan.ts'
import { makeSlotRequest } from '../src/editions/plan-request.ts'
import { NOON } from '../tests/support/world.ts'
import { startFastSink } from './deliver/sinks.ts'
import { makePlanWorld } from './plan/world.ts'
import { openBenchPostgres } from './postgres.ts'
import { type Sample, watchSending } from './soak/samples.ts'
import { startWorker } from './soak/worker.ts'

/**
 * One worker (`courant serve --roles worker`, as an operator has it) sends a million messages of thousands of variants from
 * PostgreSQL to the fast sink: how its memory and its pace are from the first tenth to the last, and how many dead rows lie
 * about. `npm run bench -- soak [readers] [connections]`
 */
const [readers = 1_000_000, connections = 20] = process.argv.slice(2).map(Number)
const PORT = 2528

const postgres = await openBenchPostgres()
const { db } = postgres.opened
const world = await makePlanWorld(db, readers)
const order = makeSlotRequest(
  { id: world.newsletterId, minArticles: 1 },
  { frequency: 'daily', at: NOON },
  world.cohortIds,
)
const { edition } = await planEdition(db, order, clockFrom(NOON))
if (edition === null) throw new Error('Nothing was planned.')
// The slots since then are nobody's matter here.
await db.execute(sql`update cohort set next_due_at = now() + interval '1 year'`)
const sink = await startFastSink(PORT)
console.log(`${readers} readers, ${connections} connections; load ${loadavg()[0]?.toFixed(2)}`)
const worker = startWorker(postgres.url, `smtp://127.0.0.1:${PORT}?tls=off&connections=${connections}`)
const samples = await watchSending(db, edition.id, worker.residentMb)
await worker.stop()
const taken = await sink.close()
await postgres.close()
report(samples, taken)

function report(all: readonly Sample[], taken: number | null): void {
  const [first, last] = [all[0], all.at(-1)]
  if (first === undefined || last === undefined) throw new Error('Nothing was sent.')
  const tenths = Array.from({ length: 10 }, (_, n) => cutTenth(all, n, last.sent))
  for (const [n, { fromMs, toMs, messages, residentMb, deadRows, tableMb }] of tenths.entries())
    console.log(
      `tenth ${String(n + 1).padStart(2)}: ${String(Math.round((messages / (toMs - fromMs)) * 1000)).padStart(5)}/s, ` +
        `${residentMb} MB resident, ${deadRows} dead rows, tables ${tableMb} MB`,
    )
  const pace = tenths.map(({ fromMs, toMs, messages }) => messages / (toMs - fromMs))
  console.log(
    `${last.sent} committed as sent of ${last.planned} planned, ${taken} taken by the sink, in ${Math.round((last.atMs - first.atMs) / 1000)} s; ` +
      `the last tenth at ${((pace.at(-1) ?? 0) / (pace[0] ?? 1)).toFixed(2)} × the pace of the first\n` +
      `resident at most ${Math.max(...all.map(({ residentMb }) => residentMb))} MB, ` +
      `${slope(all.filter(({ sent }) => sent > last.sent / 10)).toFixed(2)} MB more for each 100,000 messages behind the first tenth; ` +
      `at most ${Math.max(...all.map(({ deadRows }) => deadRows))} dead rows`,
  )
}

/** The samples in which this tenth of the messages was sent, as one. */
function cutTenth(all: readonly Sample[], n: number, total: number) {
  const isIn = ({ sent }: Sample) => sent > (total * n) / 10 && sent <= (total * (n + 1)) / 10
  const within = all.filter(isIn)
  const before = all.findLast(({ sent }) => sent <= (total * n) / 10)
  const [from, to] = [before ?? within[0], within.at(-1)]
  if (from === undefined || to === undefined) throw new Error('Too few messages for a sample in each tenth.')
  return { ...to, fromMs: from.atMs, toMs: to.atMs, messages: to.sent - from.sent }
}

/** Least squares, in MB for 100,000 messages. */
function slope(all: readonly Sample[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(all.map(({ sent }) => sent)), mean(all.map(({ residentMb }) => residentMb))]
  const above = all.reduce((sum, one) => sum + (one.sent - x) * (one.residentMb - y), 0)
  return (above / all.reduce((sum, one) => sum + (one.sent - x) ** 2, 0)) * 100_000
}
