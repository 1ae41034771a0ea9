import { asc, sql } from 'drizzle-orm'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { collectSources, keepCollecting } from '../../src/articles/collect.ts'
import { ParserPool } from '../../src/articles/parsing/parser-pool.ts'
import { attachSource } from '../../src/articles/sources/attach.ts'
import { type Clock, sleep, systemClock } from '../../src/clock.ts'
import { type OpenDatabase, openDatabase } from '../../src/db/client.ts'
import { source } from '../../src/db/schema/source.ts'
import { type FeedServer, startFeeds, writeRss } from '../support/feeds.ts'
import { freshDatabase } from '../support/fresh.ts'
import { makeWorld } from '../support/world.ts'
import { type FailingDatabase, openFailing, type StatementFault } from './failing-server.ts'
import { readTitles } from './titles.ts'

vi.setConfig({ testTimeout: 120_000 })

const database = await freshDatabase()
let opened: OpenDatabase
let failing: FailingDatabase
const hosts: FeedServer[] = []
beforeAll(async () => {
  opened = await openDatabase(database.url, 1)
  failing = openFailing(opened)
  for (const host of ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']) hosts.push(await startFeeds(host))
})
afterAll(async () => {
  await opened.close()
  for (const host of hosts) await host.close()
})

/** Waits pass a hundred times as fast. */
const hasty: Clock = { ...systemClock, sleep: (ms, signal) => sleep(ms / 100, signal) }
/** A thread for all: starting one takes as long as everything else here. */
const reader = new ParserPool()
afterAll(() => reader.end())
const options = { clock: hasty, userAgent: 'Courant/test', allowPrivate: true, reader }
let newsletterId = 0

const item = (name: string) => ({ guid: name, link: `https://kurier.example/${name}`, title: name })

/** One source brings its first document, one a new article beside an old one, one nothing new, and one is not there. */
async function addSources(): Promise<void> {
  const { db, truncate } = database
  await truncate()
  newsletterId = (await makeWorld(db)).newsletterId
  const [first, second, third] = hosts as [FeedServer, FeedServer, FeedServer]
  first.set('/feed', writeRss([item('a2'), item('a1')]))
  second.set('/feed', writeRss([item('b1')]))
  third.set('/feed', writeRss([item('c1')]))
  const ids: number[] = []
  for (const host of hosts) {
    const wanted = { url: host.url('/feed'), newsletterId, backfillDays: null, allowPrivate: true }
    ids.push((await attachSource(db, wanted, systemClock.now())).id)
  }
  await collectSources(db, { ...options, sourceIds: ids.slice(1, 3) })
  second.set('/feed', writeRss([item('b2'), item('b1')]))
  await db.execute(sql`update source set next_fetch_at = null`)
}

/** Collects until each source has been fetched, and ends. */
async function collectAll(db = failing.db, log = pino({ level: 'silent' })): Promise<void> {
  const stop = new AbortController()
  const collecting = keepCollecting(db, { ...options, signal: stop.signal }, log)
  const fetched = () => database.db.$count(sql`source where next_fetch_at is not null`)
  for (let tries = 0; tries < 2_000 && (await fetched()) < hosts.length; tries += 1) await sleep(5)
  stop.abort()
  await collecting
}

async function readOutcome() {
  const { db } = database
  const sources = await db
    .select({ failures: source.failures, lastError: source.lastError })
    .from(source)
    .where(sql`${source.nextFetchAt} is not null`)
    .orderBy(asc(source.id))
  const titles = (await readTitles(db, newsletterId)).toSorted()
  return { sources, titles, articles: await db.$count(sql`article`), leases: await db.$count(sql`host_lease`) }
}

const HEALTHY = { failures: 0, lastError: null }
const EXPECTED = {
  sources: [HEALTHY, HEALTHY, HEALTHY, { failures: 1, lastError: 'The server answered 404.' }],
  titles: ['a1', 'a2', 'b1', 'b2', 'c1'],
  articles: 5,
  leases: 0,
}

/** The statements that collecting takes, each once. */
let statements: readonly string[] = []
beforeAll(async () => {
  await addSources()
  failing.statements.splice(0)
  await collectAll()
  statements = [...new Set(failing.statements)]
  expect(await readOutcome()).toEqual(EXPECTED)
})

const CODES = ['40P01', '40001', '57P01', '53300', '25006', '08006']
const FAULTS: readonly (readonly [string, (index: number) => StatementFault])[] = [
  ['with an SQLSTATE that may pass', (index) => ({ code: CODES[index % CODES.length] ?? '' })],
  ['with its connection, before it is done', () => ({ breaks: 'before' })],
  ['with its connection, once it is done', () => ({ breaks: 'after' })],
]
/** Once, or more often than a statement is repeated, so that collecting begins anew. */
const TIMES = [1, 7]

describe('a statement of collecting that fails', () => {
  test.each(FAULTS)('%s, once or several times, loses no article and enters none twice', async (_, faultFor) => {
    for (const [index, statement] of statements.entries()) {
      const times = TIMES[index % TIMES.length] ?? 1
      await addSources()
      failing.fail(statement, faultFor(index), times)
      await collectAll()
      expect({ statement, outcome: await readOutcome() }).toEqual({ statement, outcome: EXPECTED })
      expect(failing.left(), statement).toBeLessThan(times)
      failing.fail('', faultFor(index), 0)
    }
  })
})

test('a pool that has no connection to give is said, and asked again until it has', async () => {
  await addSources()
  const { db, pool } = opened.openPool({ connections: 1, waitMs: 300 })
  const taken = await pool.connect()
  const said = Promise.withResolvers<string>()
  const log = pino({ level: 'warn' }, { write: said.resolve })
  const collecting = collectAll(db, log)
  expect(JSON.parse(await said.promise)).toMatchObject({
    msg: 'collect.failed',
    reason: 'timeout exceeded when trying to connect',
  })
  taken.release()
  await collecting
  expect(await readOutcome()).toEqual(EXPECTED)
})
