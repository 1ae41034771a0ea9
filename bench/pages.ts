import { loadavg } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { systemClock } from '../src/clock.ts'
import { openJobs } from '../src/db/jobs.ts'
import { startFastSink } from './deliver/sinks.ts'
import type { Visits } from './pages/browsers.ts'
import { type Roles, startServers } from './pages/serve.ts'
import { visit } from './pages/visit.ts'
import { makePagesWorld } from './pages/world.ts'
import { openBenchPostgres } from './postgres.ts'

/**
 * What browsers and a send take from each other. `courant serve` sends a digest of 76 KB to readers, alone and beside 200
 * browsers in turns, each time in a new process: all roles in one, and the web in one of its own; browsers that look at a page
 * for a second, and some that do not. PostgreSQL, sink and browsers share the machine. `npm run bench -- pages [readers] [rounds]`
 */
const [readers = 20_000, rounds = 3] = process.argv.slice(2).map(Number)
const BROWSERS = 200
const CONNECTIONS = 20
const PORT = 2529
const SECRET = 'a secret of the benchmark that is long enough'
/** Before the send begins: connections are open then, and the pages' code is warm. */
const WARM_UP_MS = 3_000
const SAMPLE_MS = 50

type Way = { readonly name: string; readonly thinkMs: number | null }
type Round = { readonly ratePerSecond: number; readonly visits: Visits | null }

const WAYS: readonly Way[] = [
  { name: 'alone', thinkMs: null },
  { name: `${BROWSERS} browsers, a second a page`, thinkMs: 1_000 },
  { name: `${BROWSERS} browsers that never pause`, thinkMs: 0 },
]

const postgres = await openBenchPostgres()
const { db } = postgres.opened
const world = await makePagesWorld(db, readers, SECRET)
const sink = await startFastSink(PORT)
const jobs = await openJobs(postgres.opened, pino({ level: 'silent' }))
const environment = {
  DATABASE_URL: postgres.url,
  SMTP_URL: `smtp://127.0.0.1:${PORT}?tls=off&connections=${CONNECTIONS}`,
  BASE_URL: 'https://digest.example.org',
  SECRET,
  PORT: '0',
  ...(process.env.PROFILE !== undefined && { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${process.env.PROFILE}` }),
}
console.log(`${readers} readers, ${rounds} rounds, ${CONNECTIONS} connections; load ${loadavg()[0]?.toFixed(2)}`)
for (const roles of ['one process', 'web apart'] as const) {
  const all = new Map<string, Round[]>()
  for (let round = 0; round < rounds; round += 1)
    for (const way of WAYS) all.set(way.name, [...(all.get(way.name) ?? []), await run(roles, way)])
  report(roles, all)
}
await jobs.close()
await sink.close()
await postgres.close()

async function run(roles: Roles, { thinkMs }: Way): Promise<Round> {
  const servers = await startServers(roles, environment)
  const visiting = thinkMs === null ? null : visit(servers.url, BROWSERS, thinkMs, await world.listPaths())
  await pause(WARM_UP_MS)
  const editionId = await world.plan()
  await jobs.wake('deliver')
  const ratePerSecond = await watchRate(editionId, () => visiting?.count())
  const visits = (await visiting?.end()) ?? null
  await servers.stop()
  return { ratePerSecond, visits }
}

/** From the first committed message to the last. */
async function watchRate(editionId: number, onBegun: () => void): Promise<number> {
  let begun: { readonly atMs: number; readonly sent: number } | null = null
  for (;;) {
    const rows = await db.execute<{ sent: number }>(
      sql`select coalesce(sum(sent), 0) as sent from batch where edition_id = ${editionId}`,
    )
    const now = { atMs: systemClock.monotonicMs(), sent: rows.rows[0]?.sent ?? 0 }
    if (begun === null && now.sent > 0) {
      begun = now
      onBegun()
    }
    if (begun !== null && now.sent >= readers) return ((now.sent - begun.sent) / (now.atMs - begun.atMs)) * 1_000
    await pause(SAMPLE_MS)
  }
}

function report(roles: Roles, all: ReadonlyMap<string, readonly Round[]>): void {
  console.log(`\n${roles}`)
  const alone = median((all.get(WAYS[0]?.name ?? '') ?? []).map(({ ratePerSecond }) => ratePerSecond))
  for (const { name } of WAYS) {
    const some = all.get(name) ?? []
    const rate = median(some.map(({ ratePerSecond }) => ratePerSecond))
    const each = some.map(({ ratePerSecond }) => Math.round(ratePerSecond)).join(' ')
    console.log(`${String(Math.round(rate)).padStart(6)}/s  ${name}: ${(rate / alone).toFixed(2)} × alone (${each})`)
    for (const { visits } of some) if (visits !== null) console.log(`          ${sayVisits(visits)}`)
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function sayVisits({ answered, refused, failed, perSecond, medianMs, p99Ms, longestMs }: Visits): string {
  return (
    `${answered} pages, ${Math.round(perSecond)}/s, p50 ${Math.round(medianMs)} ms, p99 ${Math.round(p99Ms)} ms, ` +
    `longest ${Math.round(longestMs)} ms; ${refused} refused (503), ${failed} failed`
  )
}
