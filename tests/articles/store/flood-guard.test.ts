import { beforeEach, describe, expect, test } from 'vitest'
import { type Collected, collectSources } from '../../../src/articles/collect.ts'
import { attachSource } from '../../../src/articles/sources/attach.ts'
import { listSources } from '../../../src/articles/sources/list-sources.ts'
import { releaseHeld } from '../../../src/articles/sources/release-held.ts'
import { isUnusual } from '../../../src/articles/store/flood-guard.ts'
import { addArticles, parseSubmitted } from '../../../src/articles/submit.ts'
import { Temporal } from '../../../src/clock.ts'
import { handClock } from '../../support/clock.ts'
import { type WrittenItem, writeRss } from '../../support/feeds.ts'
import { freshDatabase, openFeeds } from '../../support/fresh.ts'
import { makeWorld } from '../../support/world.ts'
import { readTitles } from '../titles.ts'

const START = Temporal.Instant.from('2026-03-10T08:00:00Z')
const database = await freshDatabase()
const feeds = await openFeeds()
let now = START
const held: [number, number][] = []
beforeEach(() => {
  now = START
  held.splice(0)
})

function collect(): Promise<Collected> {
  now = now.add({ minutes: 15 })
  const onHeld = (sourceId: number, articles: number) => held.push([sourceId, articles])
  return collectSources(database.db, {
    sourceIds: null,
    clock: handClock(now),
    userAgent: 'Courant/test',
    allowPrivate: true,
    onHeld,
  })
}

const attach = (newsletterId: number, path = '/feed', at = START.subtract({ hours: 1 })) =>
  attachSource(database.db, { url: feeds.url(path), newsletterId, backfillDays: 7, allowPrivate: true }, at)

const item = (name: string, change: Partial<WrittenItem> = {}): WrittenItem => ({
  ...{ guid: `guid-${name}`, link: `http://kurier.example/${name}`, title: `Titel ${name}` },
  ...{ description: `Text von ${name}.`, pubDate: 'Tue, 10 Mar 2026 06:00:00 GMT', ...change },
})
const items = (from: number, to: number, change: (n: number) => Partial<WrittenItem> = () => ({})) =>
  Array.from({ length: to - from }, (_, index) => item(`a${from + index}`, change(from + index)))

const titlesOf = (newsletterId: number) => readTitles(database.db, newsletterId)
const serve = (written: readonly WrittenItem[]) => feeds.set('/feed', writeRss(written))
const heldOf = async () => (await listSources(database.db, null)).map((source) => source.held)

/** A source that is known: five fetches, in the end with these items, as entries. */
async function settle(written: readonly WrittenItem[]): Promise<{ newsletterId: number; name: string }> {
  const { newsletterId } = await makeWorld(database.db)
  const { id } = await attach(newsletterId)
  for (let fetches = 1; fetches <= 5; fetches += 1) {
    serve(written.slice(-Math.ceil((written.length * fetches) / 5)))
    await collect()
  }
  expect(await titlesOf(newsletterId)).toHaveLength(written.length)
  return { newsletterId, name: String(id) }
}

const remade = (n: number) => ({ guid: `new-${n}`, link: `https://kurier.example/2026/artikel-${n}` })

describe('the flood guard', () => {
  test('holds a feed whose guids and addresses were made anew: rows without entries, counted and named', async () => {
    const { newsletterId, name } = await settle(items(0, 15))
    serve(items(0, 15, remade))
    expect(await collect()).toMatchObject({ fetched: 1, held: 15, new: 0, updated: 0 })
    expect(held).toEqual([[Number(name), 15]])
    expect(await heldOf()).toEqual([15])
    expect(await titlesOf(newsletterId)).toHaveLength(15)
  })

  test('lets what was held stay held when it is fetched again, and lets in what is new beside it', async () => {
    const { newsletterId } = await settle(items(0, 15))
    serve(items(0, 15, remade))
    await collect()
    serve([item('b'), ...items(0, 15, remade)])
    expect(await collect()).toMatchObject({ held: 0, new: 1 })
    expect(await heldOf()).toEqual([15])
    expect((await titlesOf(newsletterId)).at(-1)).toBe('Titel b')
  })

  test('knows old articles by their title too, under which a new text stands', async () => {
    const { newsletterId } = await settle(items(0, 20))
    serve(items(0, 20, (n) => ({ ...remade(n), ...(n % 2 ? { description: `Neu gefasst ${n}.` } : {}) })))
    expect(await collect()).toMatchObject({ held: 20, new: 0 })
    expect(await titlesOf(newsletterId)).toHaveLength(20)
  })

  test('lets nine old ones pass, and ten of which three are really new', async () => {
    await settle(items(0, 15))
    serve(items(0, 9, remade))
    expect(await collect()).toMatchObject({ held: 0, new: 9 })
    serve([...items(0, 7, (n) => ({ guid: `third-${n}`, link: `https://kurier.example/3/${n}` })), ...items(20, 23)])
    expect(await collect()).toMatchObject({ held: 0, new: 10 })
  })

  test('holds more than fifty new ones of a source that brings few, and lets fifty pass', async () => {
    await settle(items(0, 5))
    serve(items(100, 150))
    expect(await collect()).toMatchObject({ held: 0, new: 50 })
    serve(items(200, 251))
    expect(await collect()).toMatchObject({ held: 51, new: 0 })
  })

  test('measures by ten times the median of the fetches before', () => {
    expect(isUnusual(80, [0, 7, 8, 9, 500])).toBe(false)
    expect(isUnusual(81, [0, 7, 8, 9, 500])).toBe(true)
    expect(isUnusual(75, [0, 7, 8, 9])).toBe(false)
    expect(isUnusual(76, [0, 7, 8, 9])).toBe(true)
  })

  test('begins with the sixth successful fetch; one that brings nothing counts, one that fails does not', async () => {
    const { newsletterId } = await makeWorld(database.db)
    await attach(newsletterId)
    serve(items(0, 12))
    for (let fetches = 1; fetches <= 4; fetches += 1) await collect()
    feeds.set('/feed', { kind: 'document', body: '', status: 500 })
    await collect()
    serve(items(100, 160))
    expect(await collect()).toMatchObject({ held: 0, new: 60 })
    serve(items(200, 260))
    expect(await collect()).toMatchObject({ held: 60, new: 0 })
  })

  test('never holds what an editor adds, and an editor who adds a held article lets it in', async () => {
    const { newsletterId } = await settle(items(0, 15))
    const add = (from: number, to: number, address: (n: number) => string) => {
      const given = items(from, to).map(({ title }, index) => parseSubmitted({ url: address(from + index), title }))
      const articles = given.flatMap((one) => (one.kind === 'article' ? [one.article] : []))
      return addArticles(database.db, newsletterId, articles, now)
    }
    for (let times = 0; times < 6; times += 1) await add(1000 + times, 1001 + times, (n) => `https://tip.example/${n}`)
    expect(await add(2000, 2080, (n) => `https://tip.example/${n}`)).toEqual({ new: 80, updated: 0 })
    serve(items(0, 15, remade))
    await collect()
    const before = await titlesOf(newsletterId)
    expect(await add(3, 4, (n) => remade(n).link)).toEqual({ new: 0, updated: 0 })
    expect((await titlesOf(newsletterId)).slice(before.length)).toEqual(['Titel a3'])
    expect((await listSources(database.db, null)).find(({ kind }) => kind === 'feed')?.held).toBe(14)
  })
})

describe('held articles', () => {
  test('that are let in are new to the readers of every newsletter of the source, once', async () => {
    const { newsletterId, name } = await settle(items(0, 5))
    const other = await makeWorld(database.db, 'abend')
    await attach(other.newsletterId)
    const before = (await titlesOf(other.newsletterId)).length
    serve(items(100, 160))
    await collect()
    expect(await releaseHeld(database.db, name, 'letIn', now)).toMatchObject({ articles: 60 })
    expect((await titlesOf(newsletterId)).slice(5)).toHaveLength(60)
    expect((await titlesOf(other.newsletterId)).slice(before)).toHaveLength(60)
    expect(await heldOf()).toEqual([0])
    expect(await releaseHeld(database.db, name, 'letIn', now)).toMatchObject({ articles: 0 })
    expect(await collect()).toMatchObject({ new: 0, held: 0 })
  })

  test('are as old as a newsletter asked for that was given the source in between', async () => {
    const { name } = await settle(items(0, 5))
    const old = (n: number) => (n < 130 ? { pubDate: 'Sun, 01 Feb 2026 08:00:00 GMT' } : {})
    serve(items(100, 160, old))
    await collect()
    const later = await makeWorld(database.db, 'abend')
    await attach(later.newsletterId, '/feed', now)
    const before = (await titlesOf(later.newsletterId)).length
    now = now.add({ minutes: 1 })
    await releaseHeld(database.db, name, 'letIn', now)
    expect((await titlesOf(later.newsletterId)).slice(before)).toHaveLength(30)
  })

  test('that another source has brought meanwhile are new to its newsletters too', async () => {
    const { name } = await settle(items(0, 5))
    const other = await makeWorld(database.db, 'abend')
    await attach(other.newsletterId, '/other')
    feeds.set('/other', writeRss([]))
    await collect()
    serve(items(100, 160))
    await collect()
    feeds.set('/other', writeRss(items(100, 103)))
    expect(await collect()).toMatchObject({ new: 0, held: 0 })
    expect(await titlesOf(other.newsletterId)).toEqual([])
    await releaseHeld(database.db, name, 'letIn', now)
    expect(await titlesOf(other.newsletterId)).toHaveLength(3)
  })

  test('that are marked as seen are shown to nobody, then and later', async () => {
    const { newsletterId, name } = await settle(items(0, 15))
    serve(items(0, 15, remade))
    await collect()
    expect(await releaseHeld(database.db, name, 'markSeen', now)).toMatchObject({ articles: 15 })
    serve([item('b'), ...items(0, 15, (n) => ({ ...remade(n), description: `Berichtigt ${n}.` }))])
    expect(await collect()).toMatchObject({ new: 1, held: 0, updated: 15 })
    expect((await titlesOf(newsletterId)).slice(15)).toEqual(['Titel b'])
    expect(await heldOf()).toEqual([0])
  })
})

describe('a feed that moves', () => {
  test.each([
    ['from http to https', (n: number) => ({ link: `https://kurier.example/a${n}` })],
    [
      'to https and www with guids made anew',
      (n: number) => ({ guid: `x${n}`, link: `https://www.kurier.example/a${n}/` }),
    ],
    ['to permanent links as guids', (n: number) => ({ guid: `https://kurier.example/a${n}` })],
  ])('%s lets nobody get anything twice, without the guard', async (_, moved) => {
    const { newsletterId } = await makeWorld(database.db)
    await attach(newsletterId)
    serve(items(0, 15))
    await collect()
    serve([item('b'), ...items(0, 15, moved)])
    expect(await collect()).toMatchObject({ new: 1, held: 0 })
    expect((await titlesOf(newsletterId)).toSorted()).toEqual(
      [...items(0, 15), item('b')].map(({ title }) => title).toSorted(),
    )
  })

  test('and is added again at its new address brings nothing twice', async () => {
    const { newsletterId } = await settle(items(0, 15))
    await attach(newsletterId, '/new')
    feeds.set('/new', writeRss(items(0, 15, (n) => ({ guid: `x${n}`, link: `https://kurier.example/a${n}` }))))
    expect(await collect()).toMatchObject({ new: 0, held: 0 })
    expect(await titlesOf(newsletterId)).toHaveLength(15)
  })
})
