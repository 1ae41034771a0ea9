import { eq, sql } from 'drizzle-orm'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { neverAborted } from '../../../src/abortable.ts'
import { collectSources } from '../../../src/articles/collect.ts'
import { collectSource } from '../../../src/articles/collect-source.ts'
import { attachSource } from '../../../src/articles/sources/attach.ts'
import { changeSource } from '../../../src/articles/sources/change-source.ts'
import { findDueSources, findSources, type SourceRef } from '../../../src/articles/sources/due-sources.ts'
import {
  type EnterHost,
  type LeasedSource,
  leaseSource,
  releaseSourceLease,
  withHosts,
} from '../../../src/articles/sources/source-lease.ts'
import { type Database, openDatabase } from '../../../src/db/client.ts'
import { source } from '../../../src/db/schema/source.ts'
import { handClock } from '../../support/clock.ts'
import { startFeeds, writeRss } from '../../support/feeds.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { makeWorld, NOON } from '../../support/world.ts'
import { openFailing } from '../failing-server.ts'
import { readTitles } from '../titles.ts'

const database = await freshDatabase()
const { db } = database
const second = await openDatabase(database.url)
const feeds = await startFeeds('127.0.0.1')
const elsewhere = await startFeeds('127.0.0.2')
afterAll(async () => {
  await second.close()
  await feeds.close()
  await elsewhere.close()
})

let newsletterId: number
let clock = handClock(NOON)
beforeEach(async () => {
  newsletterId = (await makeWorld(db)).newsletterId
  clock = handClock(NOON)
})

const options = () => ({ clock, userAgent: 'Courant/test', allowPrivate: true, limits: { timeoutMs: 5_000 } })
const rss = (...names: readonly string[]) =>
  writeRss(names.map((name) => ({ guid: name, link: `https://kurier.example/${name}`, title: name })))

async function addSource(url: string): Promise<number> {
  const wanted = { url, newsletterId, backfillDays: null, allowPrivate: true }
  return (await attachSource(db, wanted, clock.now())).id
}

const findOne = async (id: number): Promise<SourceRef> => (await findSources(db, [id]))[0] as SourceRef
const lease = (by: Database, candidate: SourceRef, onlyDue = true) =>
  leaseSource(by, candidate, 'worker', onlyDue, clock)

async function leaseNow(id: number): Promise<LeasedSource> {
  const leased = await lease(db, await findOne(id))
  if (typeof leased === 'string') throw new Error(`the source is ${leased}`)
  return leased
}

async function sourceOf(id: number) {
  const [row] = await db.select().from(source).where(eq(source.id, id))
  if (row === undefined) throw new Error('no source')
  return row
}

const countLeases = () => db.$count(sql`host_lease`)

describe('a host', () => {
  test('is leased to one of many workers that want it at the same instant', async () => {
    const ids = [await addSource(feeds.url('/1')), await addSource(feeds.url('/2')), await addSource(feeds.url('/3'))]
    const candidates = await Promise.all(ids.map(findOne))
    const leases = await Promise.all(
      [db, second.db, db, second.db].flatMap((by) => candidates.map((candidate) => lease(by, candidate))),
    )
    const got = leases.filter((one) => typeof one !== 'string')
    expect(got).toHaveLength(1)
    expect(leases.filter((one) => one === 'busy')).toHaveLength(leases.length - 1)
  })

  test('is its name and port in whatever spelling, and another one of the same name', async () => {
    const hosts = ['http://127.0.0.1/a', 'HTTP://127.0.0.1:80/b', 'http://127.0.0.1:81/c', 'http://[::1]:8080/d?e#f']
    const ids: number[] = []
    for (const url of hosts) ids.push(await addSource(url))
    const found = (await findSources(db, ids)).map(({ host }) => host)
    expect(found).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1:81', '[::1]:8080'])
  })

  test('of a worker that died is free after a minute, and its source still due', async () => {
    const id = await addSource(feeds.url('/1'))
    await leaseNow(id)
    clock.advance({ seconds: 59 })
    expect(await lease(second.db, await findOne(id))).toBe('busy')
    clock.advance({ seconds: 1 })
    expect((await findDueSources(db, clock.now())).map((due) => due.id)).toEqual([id])
    expect(await lease(second.db, await findOne(id))).toMatchObject({ row: { id } })
  })

  test('is free when its lease is one of a clock that was set back since', async () => {
    const id = await addSource(feeds.url('/1'))
    clock = handClock(NOON.add({ hours: 5 }))
    await leaseNow(id)
    clock = handClock(NOON)
    expect(await lease(second.db, await findOne(id))).toMatchObject({ row: { id } })
  })

  test('that a source redirects to is asked when nobody else asks it', async () => {
    const id = await addSource(feeds.url('/moved'))
    const other = await addSource(elsewhere.url('/other'))
    feeds.set('/moved', { kind: 'redirect', to: elsewhere.url('/new'), status: 302 })
    elsewhere.set('/new', rss('a'))
    const busy = await leaseNow(other)
    const watched = openFailing(second)
    const collecting = collectSources(watched.db, { ...options(), sourceIds: [id] })
    const looks = () => watched.statements.filter((text) => text.includes('insert into host_lease')).length
    await expect.poll(looks).toBeGreaterThanOrEqual(3)
    expect(elsewhere.asked).toEqual([])
    await releaseSourceLease(db, busy.lease)
    expect(await collecting).toMatchObject({ fetched: 1, new: 1 })
    expect(elsewhere.asked.map(({ path }) => path)).toEqual(['/new'])
    expect(await countLeases()).toBe(0)
  })
})

describe('an address that is looked at before it becomes a source', () => {
  const host = () => new URL(feeds.origin).host
  const countLeases = () => db.$count(sql`host_lease`)

  test('waits while a worker asks its host, and keeps others from it until it was looked at', async () => {
    const id = await addSource(feeds.url('/worker'))
    const leased = await leaseNow(id)
    let isEntered = false
    const looking = withHosts(second.db, clock, async (enterHost) => {
      await enterHost(host(), neverAborted)
      isEntered = true
      expect(await lease(db, await findOne(id))).toBe('busy')
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(isEntered).toBe(false)
    await releaseSourceLease(db, leased.lease)
    await looking
    expect(isEntered).toBe(true)
    expect(await countLeases()).toBe(0)
  })

  test('is not asked for where its host is not free in time', async () => {
    await leaseNow(await addSource(feeds.url('/worker')))
    const enter = (enterHost: EnterHost) => enterHost(host(), AbortSignal.abort())
    await withHosts(second.db, clock, enter)
    expect(await countLeases()).toBe(1)
  })
})

describe('a source', () => {
  test('that another worker has fetched meanwhile is not fetched again', async () => {
    const id = await addSource(feeds.url('/once'))
    feeds.set('/once', rss('a'))
    const due = await findOne(id)
    expect(await collectSource(db, await leaseNow(id), options())).toMatchObject({ kind: 'fetched' })
    expect(await lease(second.db, due)).toBe('settled')
    expect(await lease(second.db, due, false)).toMatchObject({ row: { id } })
  })

  test('whose lease ended before it was stored leaves nothing, and what the next worker stores stays', async () => {
    const id = await addSource(feeds.url('/late'))
    feeds.set('/late', rss('a'))
    const late = await leaseNow(id)
    clock.advance({ seconds: 60 })
    const next = await leaseNow(id)
    expect(await collectSource(db, late, { ...options(), clock: handClock(NOON) })).toEqual({ kind: 'dropped' })
    expect(await readTitles(db, newsletterId)).toEqual([])
    expect(await sourceOf(id)).toMatchObject({ lastFetchedAt: null, failures: 0 })
    feeds.set('/late', rss('b', 'a'))
    expect(await collectSource(second.db, next, options())).toMatchObject({ kind: 'fetched', new: 2 })
    expect(await readTitles(db, newsletterId)).toEqual(['a', 'b'])
  })

  test.each([
    ['instead of an answer', null],
    ['in the middle of its answer', rss('a')],
  ])('whose host resets the connection %s fails, backs off and is asked again', async (_, body) => {
    const id = await addSource(feeds.url('/reset'))
    feeds.set('/reset', { kind: 'reset', body })
    expect(await collectSource(db, await leaseNow(id), options())).toMatchObject({ kind: 'failed' })
    const failed = await sourceOf(id)
    expect(failed).toMatchObject({ failures: 1, lastError: expect.stringContaining('broke') })
    expect(failed.nextFetchAt?.epochMilliseconds).toBeGreaterThan(clock.now().epochMilliseconds)
    feeds.set('/reset', rss('a'))
    clock.advance({ hours: 1 })
    expect(await collectSource(db, await leaseNow(id), options())).toMatchObject({ kind: 'fetched', new: 1 })
    expect(await sourceOf(id)).toMatchObject({ failures: 0, lastError: null })
  })

  test('is not asked for under a lease of which too little is left', async () => {
    const id = await addSource(feeds.url('/slow-database'))
    const late = await leaseNow(id)
    clock.advance({ seconds: 45 })
    await collectSource(db, late, options())
    expect(feeds.asked.filter(({ path }) => path === '/slow-database')).toEqual([])
  })

  test('whose lease ended before its failure was recorded has no failure', async () => {
    const id = await addSource(feeds.url('/missing'))
    const late = await leaseNow(id)
    clock.advance({ seconds: 60 })
    await leaseNow(id)
    expect(await collectSource(db, late, { ...options(), clock: handClock(NOON) })).toEqual({ kind: 'dropped' })
    expect(await sourceOf(id)).toMatchObject({ failures: 0, lastError: null })
  })

  test('that was given another URL while it was being fetched keeps nothing of the old one, and is due at once', async () => {
    const id = await addSource(feeds.url('/old'))
    feeds.set('/old', rss('old'))
    elsewhere.set('/new', rss('new'))
    const leased = await leaseNow(id)
    await changeSource(db, String(id), { url: elsewhere.url('/new') }, true)
    expect(await collectSource(db, leased, options())).toEqual({ kind: 'dropped' })
    expect(await countLeases()).toBe(0)
    expect(await readTitles(db, newsletterId)).toEqual([])
    expect(await collectSources(db, { ...options(), sourceIds: null, onlyDue: true })).toMatchObject({ new: 1 })
    expect(await readTitles(db, newsletterId)).toEqual(['new'])
  })

  test('that is fetched by hand waits for the worker that asks its host, and says so', async () => {
    const [id, other] = [await addSource(feeds.url('/mine')), await addSource(feeds.url('/other'))]
    feeds.set('/mine', rss('a'))
    const busy = await leaseNow(other)
    const waited = Promise.withResolvers<string>()
    const collecting = collectSources(db, { ...options(), sourceIds: [id], onBusyHost: waited.resolve })
    expect(await waited.promise).toBe(new URL(feeds.origin).host)
    await releaseSourceLease(db, busy.lease)
    expect(await collecting).toMatchObject({ sources: 1, fetched: 1 })
  })
})

describe('a failure of any kind', () => {
  test('of one source is recorded at it with its reason, and keeps no other of its host from its fetch', async () => {
    const [bad, good] = [await addSource(feeds.url('/bad')), await addSource(feeds.url('/good'))]
    feeds.set('/bad', rss('boom'))
    feeds.set('/good', rss('fine'))
    await db.execute(sql`
      create function refuse_boom() returns trigger language plpgsql as $$ begin
        if new.title = 'boom' then raise exception 'an article nobody thought of'; end if; return new; end $$`)
    await db.execute(
      sql`create trigger refuse_boom before insert on article for each row execute function refuse_boom()`,
    )
    const failed: (readonly [number, string])[] = []
    const onFailure = (id: number, reason: string) => failed.push([id, reason])
    const collected = await collectSources(db, { ...options(), sourceIds: null, onlyDue: true, onFailure })
    await db.execute(sql`drop function refuse_boom cascade`)
    expect(collected).toMatchObject({ sources: 2, fetched: 1, failed: 1, new: 1 })
    expect(failed).toEqual([[bad, 'Storing it failed: an article nobody thought of']])
    expect(await sourceOf(bad)).toMatchObject({
      ...{ failures: 1, lastError: 'Storing it failed: an article nobody thought of', bodyHash: null },
      nextFetchAt: NOON.add({ minutes: 15 }),
    })
    expect(await readTitles(db, newsletterId)).toEqual(['fine'])
    expect((await sourceOf(good)).failures).toBe(0)
    expect(await countLeases()).toBe(0)
  })
})
