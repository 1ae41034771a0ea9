import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { keepCollecting } from '../../src/articles/collect.ts'
import { systemClock } from '../../src/clock.ts'
import { openDatabase } from '../../src/db/client.ts'
import { POOL_SIZES } from '../../src/db/pools.ts'
import { fastClock } from '../support/clock.ts'
import { freshDatabase } from '../support/fresh.ts'
import { makeWorld, NOON } from '../support/world.ts'
import { type ManyHosts, startManyHosts } from './many-hosts.ts'

vi.setConfig({ testTimeout: 120_000 })

const database = await freshDatabase()
const { db } = database
const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

async function startHosts(): Promise<ManyHosts> {
  const hosts = await startManyHosts()
  ends.unshift(hosts.close)
  return hosts
}

/** Gives a newsletter these feeds; due at once where no other time is given. */
async function addSources(urls: readonly string[], newsletterId: number): Promise<void> {
  await db.execute(sql`
    with made as (
      insert into source (kind, url, feed_url, created_at)
      select 'feed', url, url, ${NOON.toString()}::timestamptz from unnest(${sql.param(urls)}::text[]) as given (url) returning id)
    insert into newsletter_source (newsletter_id, source_id, admitted_at, created_at)
    select ${newsletterId}, id, ${NOON.toString()}::timestamptz, ${NOON.toString()}::timestamptz from made`)
}

/** Starts so many workers, each with connections of its own as a process has them. */
async function startWorkers(count: number): Promise<void> {
  const stop = new AbortController()
  const options = {
    ...{ clock: systemClock, userAgent: 'Courant/test', allowPrivate: true, signal: stop.signal },
    // A silent host is given up only when its lease ends, long after everything else.
    limits: { timeoutMs: 600_000 },
  }
  const workers = await Promise.all(
    Array.from({ length: count }, async () => {
      const opened = await openDatabase(database.url, POOL_SIZES.collecting)
      return { opened, collecting: keepCollecting(opened.db, options, pino({ level: 'silent' })) }
    }),
  )
  ends.unshift(async () => {
    stop.abort()
    await Promise.all(workers.map(({ collecting }) => collecting))
    await Promise.all(workers.map(({ opened }) => opened.close()))
  })
}

const range = (count: number, from = 0) => Array.from({ length: count }, (_, index) => from + index)
const countFetched = () => db.$count(sql`source where last_fetched_at is not null and failures = 0`)

describe.each([1, 3])('on %i workers', (workers) => {
  test.each([1, 60])('%i hosts of 200 that answer nothing keep no other source from its fetch', async (dead) => {
    const hosts = await startHosts()
    const { newsletterId } = await makeWorld(db)
    hosts.silence(range(dead))
    const healthy = range(200 - dead, dead).map((host) => hosts.url(host))
    await addSources([...range(dead).map((host) => hosts.url(host)), ...healthy], newsletterId)
    await startWorkers(workers)
    await expect.poll(countFetched, { timeout: 90_000, interval: 100 }).toBe(healthy.length)
    expect(hosts.givenUp()).toBe(0)
    expect(healthy.map(hosts.timesAsked)).toEqual(healthy.map(() => 1))
    expect(hosts.overlaps).toEqual([])
  })

  test('a host of many sources is asked for one at a time, and for each once', async () => {
    const hosts = await startHosts()
    const { newsletterId } = await makeWorld(db)
    const urls = range(3).flatMap((host) => range(20).map((path) => hosts.url(host, `/feed${path}`)))
    await addSources(urls, newsletterId)
    await startWorkers(workers)
    await expect.poll(countFetched, { timeout: 90_000, interval: 100 }).toBe(urls.length)
    expect(urls.map(hosts.timesAsked)).toEqual(urls.map(() => 1))
    expect(hosts.overlaps).toEqual([])
  })
})

test('collecting that is to end when it has nothing to do fetches what is due, and ends', async () => {
  const hosts = await startHosts()
  const { newsletterId } = await makeWorld(db)
  await addSources(
    range(3).map((host) => hosts.url(host)),
    newsletterId,
  )
  const clock = fastClock(NOON, 100)
  const options = { clock, userAgent: 'Courant/test', allowPrivate: true, signal: new AbortController().signal }
  await keepCollecting(db, { ...options, idleMs: 60_000 }, pino({ level: 'silent' }))
  expect(await countFetched()).toBe(3)
  expect(clock.now().since(NOON).total('seconds')).toBeGreaterThan(60)
})
