import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { eq } from 'drizzle-orm'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { collectSources } from '../../../src/articles/collect.ts'
import { ParserPool } from '../../../src/articles/parsing/parser-pool.ts'
import type { ParserLimits } from '../../../src/articles/parsing/parser-thread.ts'
import { attachSource } from '../../../src/articles/sources/attach.ts'
import { discoverFeed } from '../../../src/articles/sources/discover-feed.ts'
import { source } from '../../../src/db/schema/source.ts'
import { handClock } from '../../support/clock.ts'
import { type FeedServer, writeRss } from '../../support/feeds.ts'
import { freshDatabase, openFeeds } from '../../support/fresh.ts'
import { makeWorld, NOON } from '../../support/world.ts'
import { ENDLESS, PAYLOADS } from '../payloads.ts'

const { db } = await freshDatabase()
const hostile = await openFeeds()
const healthy = await openFeeds()
const readers: ParserPool[] = []
afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.end()))
})

/** A reader of this test's own; every limit far below the usual ones, so that it is reached at once. */
function openReader(limits: Partial<ParserLimits> = {}, rest?: (signal: AbortSignal) => Promise<unknown>): ParserPool {
  const reader = new ParserPool({ milliseconds: 1_500, megabytes: 256, characters: 20_000_000, ...limits }, rest)
  readers.push(reader)
  return reader
}

/** One that a document reaches only by the time it takes. */
const impatient = () => openReader({ milliseconds: 300, megabytes: 8_192 })

const shared = new ParserPool({ milliseconds: 1_500, megabytes: 256, characters: 20_000_000 })
afterAll(() => shared.end())

const feedOf = (title: string) => writeRss([{ guid: title, link: `https://kurier.example/${title}`, title }])
const document = (body: string | Buffer) => ({ body: Buffer.from(body), contentType: null, url: null })
const read = (reader: ParserPool, body: string, asking = {}) => reader.ask('readFeed', document(body), asking)

async function addSource(server: FeedServer, path: string, newsletterId: number): Promise<number> {
  const wanted = { url: server.url(path), newsletterId, backfillDays: null, allowPrivate: true }
  return (await attachSource(db, wanted, NOON)).id
}

const collect = (reader: ParserPool) =>
  collectSources(db, { sourceIds: null, clock: handClock(NOON), userAgent: 'Courant/test', allowPrivate: true, reader })

const findSource = async (id: number) => (await db.select().from(source).where(eq(source.id, id)))[0]

/** Asks this process for pages until it is stopped; says how many it answered. */
async function askForPages(): Promise<() => Promise<number>> {
  const server = createServer((_, response) => response.end('a page'))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  let isOver = false
  let answered = 0
  const asking = (async () => {
    for (; !isOver; await turn()) if ((await (await fetch(url)).text()) === 'a page') answered += 1
  })()
  return async () => {
    isOver = true
    await asking
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
    return answered
  }
}

describe('a document', () => {
  test.each(Object.entries(PAYLOADS))('%s keeps neither pages nor another source waiting', async (_, make) => {
    const { newsletterId } = await makeWorld(db)
    await db.delete(source).where(eq(source.title, 'Beispielblatt'))
    hostile.set('/feed', { kind: 'document', body: make() })
    healthy.set('/feed', feedOf('a'))
    const bad = await addSource(hostile, '/feed', newsletterId)
    const good = await addSource(healthy, '/feed', newsletterId)
    const stopAsking = await askForPages()
    await collect(shared)
    expect(await stopAsking()).toBeGreaterThan(1)
    expect(await findSource(good)).toMatchObject({ failures: 0, fetches: 1 })
    expect((await findSource(bad))?.lastError ?? '').toMatch(
      /^$|^Reading it took|^The document is not a feed|^The document cannot be unpacked|^The sitemap index names no sitemap/,
    )
  })

  test('that takes too long fails with its reason, and its source backs off as any that fails', async () => {
    const { newsletterId } = await makeWorld(db)
    await db.delete(source).where(eq(source.title, 'Beispielblatt'))
    hostile.set('/feed', { kind: 'document', body: ENDLESS })
    const id = await addSource(hostile, '/feed', newsletterId)
    const stopAsking = await askForPages()
    expect(await collect(impatient())).toMatchObject({ sources: 1, failed: 1, new: 0 })
    expect(await stopAsking()).toBeGreaterThan(1)
    const failed = await findSource(id)
    expect(failed).toMatchObject({ failures: 1, lastError: 'Reading it took longer than 0.3 s.', state: 'active' })
    expect(failed?.nextFetchAt?.equals(NOON.add({ minutes: 15 }))).toBe(true)
  })

  test('that takes too much memory fails with its reason, and the process lives on', async () => {
    const reader = openReader({ megabytes: 64, milliseconds: 20_000 })
    await expect(read(reader, PAYLOADS['of empty items']?.() as string)).rejects.toThrow(
      'Reading it took more than 64 MB of memory.',
    )
    expect((await read(reader, feedOf('a'))).items).toHaveLength(1)
  })

  test('that says more than a source may say fails with its reason', async () => {
    const reader = openReader({ characters: 100 })
    await expect(read(reader, feedOf('a'.repeat(200)))).rejects.toThrow('longer than 100 characters')
    expect((await read(reader, feedOf('a'))).items).toHaveLength(1)
  })

  test('that takes too long where a feed is looked for is said, and nothing else is asked there', async () => {
    hostile.set('/page', { kind: 'document', body: ENDLESS })
    const options = { userAgent: 'Courant/test', guard: { allowPrivate: true }, reader: impatient() }
    expect(await discoverFeed(hostile.url('/page'), options)).toEqual({
      kind: 'failed',
      reason: 'Reading it took longer than 0.3 s.',
    })
  })
})

describe('a reader', () => {
  test('starts no thread before there is something to read, and one anew after a document that exceeded a limit', async () => {
    const reader = impatient()
    expect(reader.threads).toBe(0)
    await expect(read(reader, ENDLESS)).rejects.toThrow('longer than 0.3 s')
    expect(reader.threads).toBe(0)
    expect((await read(reader, feedOf('a'))).items[0]?.title).toBe('a')
    expect(reader.threads).toBe(1)
  })

  test('ends a thread that has been idle for long enough, and starts one for the next document', async () => {
    const rested = Promise.withResolvers<void>()
    const reader = openReader({}, () => rested.promise)
    await read(reader, feedOf('a'))
    expect(reader.threads).toBe(1)
    rested.resolve()
    await expect.poll(() => reader.threads).toBe(0)
    expect((await read(reader, feedOf('b'))).items[0]?.title).toBe('b')
  })

  test('reads one document of a suspect at a time, and others beside it', async () => {
    const reader = openReader({ milliseconds: 1_500 })
    await read(reader, feedOf('a'))
    const ends: string[] = []
    const suspect = (name: string) =>
      read(reader, ENDLESS, { isSuspect: true }).catch(() => {
        ends.push(name)
      })
    const suspects = [suspect('first suspect'), suspect('second suspect')]
    const other = read(reader, feedOf('b')).then(() => ends.push('other'))
    await other
    await Promise.all(suspects)
    expect(ends.at(-1)).toBe('second suspect')
    expect(ends).toContain('other')
  })

  test('reads the smallest that waits first, so that a feed as most are waits for none that is made to take all there is', async () => {
    const reader = openReader()
    const ended: string[] = []
    const readAs = (name: string, octets: number) =>
      read(reader, `${feedOf(name)}${' '.repeat(octets)}`).then(() => ended.push(name))
    await Promise.all([
      readAs('first', 3_000),
      readAs('large', 2_000_000),
      readAs('middle', 20_000),
      readAs('small', 0),
    ])
    expect(ended).toEqual(['first', 'small', 'middle', 'large'])
  })

  test('gives up what is no longer wanted: while it waits, and in the middle of it', async () => {
    const reader = openReader({ milliseconds: 20_000 })
    await read(reader, feedOf('a'))
    const stop = new AbortController()
    const under = read(reader, ENDLESS, { signal: stop.signal })
    const waiting = read(reader, ENDLESS, { signal: stop.signal })
    stop.abort()
    await expect(under).rejects.toMatchObject({ code: 'reading.late' })
    await expect(waiting).rejects.toMatchObject({ code: 'reading.late' })
    await expect(read(reader, ENDLESS, { signal: stop.signal })).rejects.toMatchObject({ code: 'reading.late' })
    expect((await read(reader, feedOf('b'))).items[0]?.title).toBe('b')
  })
})

test('a feed that fails with a fault of its own keeps the code and words of it', async () => {
  await expect(read(shared, 'nothing')).rejects.toMatchObject({
    code: 'feed.invalid',
    what: 'The document is not a feed.',
  })
})
