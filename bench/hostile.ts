import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { attachSource } from '../src/articles/sources/attach.ts'
import { type ListedSource, listSources } from '../src/articles/sources/list-sources.ts'
import { systemClock } from '../src/clock.ts'
import { type Database, openDatabase } from '../src/db/client.ts'
import { migrateDatabase } from '../src/db/migrate.ts'
import { startServing, useDatabase } from '../tests/server/start-server.ts'
import { makePayload } from '../tests/support/hostile-payloads.ts'
import { makeWorld } from '../tests/support/world.ts'
import type { Probes } from './hostile/prober.ts'
import { openBenchPostgres } from './postgres.ts'

/**
 * A hundred sources made to take all the time and memory there is, and healthy ones beside them, collected by a whole
 * `courant serve` on each engine, while `/healthz` is asked every 20 ms from another process.
 * `npm run bench -- hostile [payloads] [seed] [scale]`
 */
const [payloads = 100, seed = 1, scale = 1] = process.argv.slice(2).map(Number)
const HEALTHY = 3
/** The longest fetch takes 30 s, and a reader is waited for. */
const LONGEST_MS = 300_000
const LOOK_EVERY_MS = 1_000

const apart = (file: string, words: readonly string[]) => fork(join(import.meta.dirname, file), words, { execArgv: [] })

console.log(`${payloads} payloads of seed ${seed}; load ${loadavg()[0]?.toFixed(2)}`)
const server = apart('../tests/support/hostile-server.ts', [payloads + HEALTHY, payloads, seed, scale].map(String))
const [port]: number[] = await once(server, 'message')
const urls = Array.from({ length: payloads + HEALTHY }, (_, n) => {
  return `http://127.2.0.${n + 1}:${port}/${n < HEALTHY ? 'healthy' : n - HEALTHY}`
})

const folder = mkdtempSync(join(tmpdir(), 'courant-hostile-'))
const embedded = await openDatabase(`pglite://${folder}`)
await migrateDatabase(embedded.db, systemClock.now())
await addSources(embedded.db)
await embedded.close()
await collectBeside('embedded', `pglite://${folder}`)
rmSync(folder, { recursive: true, force: true })

const postgres = await openBenchPostgres()
await addSources(postgres.opened.db)
await collectBeside('PostgreSQL', postgres.url)
await postgres.close()
server.disconnect()

async function addSources(db: Database): Promise<void> {
  const { newsletterId } = await makeWorld(db)
  await db.execute(sql`delete from source`)
  // The healthy ones come last in every order there is.
  for (const url of urls.toReversed())
    await attachSource(db, { url, newsletterId, backfillDays: null, allowPrivate: true }, systemClock.now())
}

async function collectBeside(engine: string, databaseUrl: string): Promise<void> {
  const serving = await startServing({
    DATABASE_URL: databaseUrl,
    SMTP_URL: 'smtp://127.0.0.1:9?tls=off',
    BASE_URL: 'https://digest.example.org',
    SECRET: 'a secret of the benchmark that is long enough',
    COLLECT_ALLOW_PRIVATE: 'true',
    PORT: '0',
  })
  const prober = apart('hostile/prober.ts', [`${serving.url}/healthz`])
  const { took, healthyMs } = await untilCollected(databaseUrl)
  prober.send('end')
  const [probes]: Probes[] = await once(prober, 'message')
  const peakMb = readPeakMb(serving.child.pid ?? 0)
  const sources = await useDatabase(databaseUrl, (db) => listSources(db, null))
  const articles = await useDatabase(databaseUrl, countArticles)
  serving.child.kill('SIGTERM')
  await serving.ended
  console.log(
    `\n${engine}: all collected in ${Math.round(took / 1000)} s, the healthy ones within ${Math.round(healthyMs / 1000)} s; at most ${peakMb} MB`,
  )
  if (probes !== undefined) console.log(`/healthz: ${sayProbes(probes)}`)
  report(sources, articles)
}

async function untilCollected(databaseUrl: string): Promise<{ took: number; healthyMs: number }> {
  const startMs = systemClock.monotonicMs()
  let healthyMs = Number.POSITIVE_INFINITY
  for (;;) {
    const sources = await useDatabase(databaseUrl, (db) => listSources(db, null))
    const took = systemClock.monotonicMs() - startMs
    const isOpen = ({ lastFetchedAt, lastError }: ListedSource) => lastFetchedAt === null && lastError === null
    if (!sources.some((one) => one.url.endsWith('/healthy') && isOpen(one))) healthyMs = Math.min(healthyMs, took)
    if (!sources.some(isOpen)) return { took, healthyMs }
    if (took > LONGEST_MS) throw new Error(`Not collected: ${sources.filter(isOpen).map(({ url }) => url)}`)
    await pause(LOOK_EVERY_MS)
  }
}

async function countArticles(db: Database): Promise<ReadonlyMap<number, number>> {
  const found = await db.execute<{ id: number; n: number }>(
    sql`select source_id as id, count(*) as n from article_source group by 1`,
  )
  return new Map(found.rows.map(({ id, n }) => [id, n]))
}

/** What became of each kind; one with neither articles nor a reason is a fault, but for a document without an item. */
function report(sources: readonly ListedSource[], articles: ReadonlyMap<number, number>): void {
  const said = sources.map((one) => {
    const path = new URL(one.url).pathname.slice(1)
    const kind = path === 'healthy' ? path : makePayload(Number(path), seed, 0.0001).kind
    const count = articles.get(one.id) ?? 0
    return `${kind}: ${one.lastError ?? (count > 0 ? 'articles' : 'read, of no article')}`
  })
  for (const [line, all] of [...Map.groupBy(said, (line) => line)].sort()) console.log(`  ${all.length} × ${line}`)
}

/** The most that was resident, of all its threads. */
function readPeakMb(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kilobytes) / 976.6)
}

function sayProbes({ answered, failed, medianMs, p99Ms, longestMs, lateMs, slow }: Probes): string {
  const each = slow.map(([atMs, tookMs]) => `${(atMs / 1000).toFixed(1)} s: ${tookMs}`).join(', ')
  return (
    `${answered} answers, ${failed} failed, p50 ${medianMs.toFixed(1)} ms, p99 ${Math.round(p99Ms)} ms, longest ${Math.round(longestMs)} ms ` +
    `(the asking itself was up to ${Math.round(lateMs)} ms late)${each === '' ? '' : `; longest at ${each}`}`
  )
}
