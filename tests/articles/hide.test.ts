import { eq } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { collectSources } from '../../src/articles/collect.ts'
import { hideArticles } from '../../src/articles/hide.ts'
import { attachSource } from '../../src/articles/sources/attach.ts'
import { listArticles } from '../../src/articles/sources/list-sources.ts'
import { addArticles, parseSubmitted } from '../../src/articles/submit.ts'
import { Temporal } from '../../src/clock.ts'
import { article, entry } from '../../src/db/schema/article.ts'
import { handClock } from '../support/clock.ts'
import { type WrittenItem, writeRss } from '../support/feeds.ts'
import { freshDatabase, openFeeds } from '../support/fresh.ts'
import { makeWorld } from '../support/world.ts'

let now = Temporal.Instant.from('2026-03-01T12:00:00Z')
const database = await freshDatabase()
const feeds = await openFeeds()

const item = (number: number, said: Partial<WrittenItem> = {}): WrittenItem => ({
  guid: `g${number}`,
  link: `https://kurier.example/${number}`,
  title: `Titel ${number}`,
  description: `Ein Satz über die Nummer ${number}.`,
  pubDate: 'Sun, 01 Mar 2026 08:00:00 GMT',
  topics: ['Sport'],
  ...said,
})
const attach = (newsletterId: number) =>
  attachSource(database.db, { url: feeds.url('/feed'), newsletterId, backfillDays: null, allowPrivate: true }, now)
/** Serves these items, the oldest first in the list, and collects them, an hour after the last time. */
async function collect(...items: WrittenItem[]) {
  now = now.add({ hours: 1 })
  feeds.set('/feed', writeRss(items.toReversed()))
  return collectSources(database.db, { sourceIds: null, clock: handClock(now), userAgent: 'test', allowPrivate: true })
}
const articles = () => database.db.select().from(article).orderBy(article.id)
const entries = async () =>
  (await database.db.select().from(entry).orderBy(entry.id)).map(({ newsletterId, articleId }) => [
    newsletterId,
    articleId,
  ])
const hide = (...ids: number[]) => hideArticles(database.db, ids, 'hidden', now)
const remove = (...ids: number[]) => hideArticles(database.db, ids, 'removed', now)

describe('a hidden article', () => {
  test('loses its entry in every newsletter and keeps its text', async () => {
    const first = await makeWorld(database.db, 'eins')
    const second = await makeWorld(database.db, 'zwei')
    await attach(first.newsletterId)
    await attach(second.newsletterId)
    await collect(item(1), item(2))
    const hidden = await hide(1)
    expect(hidden.articles).toEqual([expect.objectContaining({ id: 1, title: 'Titel 1', state: 'hidden' })])
    expect(hidden.entries.map(({ newsletterId }) => newsletterId).sort()).toEqual([
      first.newsletterId,
      second.newsletterId,
    ])
    expect(await entries()).toEqual([
      [first.newsletterId, 2],
      [second.newsletterId, 2],
    ])
    expect(await articles()).toMatchObject([{ state: 'hidden', title: 'Titel 1' }, { state: 'visible' }])
  })

  test('stays hidden when its source edits it, repeats it, or brings it by another guid', async () => {
    const { newsletterId } = await makeWorld(database.db)
    await attach(newsletterId)
    await collect(item(1), item(2))
    await hide(1)
    await collect(item(1, { title: 'Titel 1, neu' }), item(2))
    await collect(item(1, { guid: 'anders', title: 'Titel 1, neu' }), item(2))
    expect(await articles()).toMatchObject([{ state: 'hidden', title: 'Titel 1, neu' }, { state: 'visible' }])
    expect(await entries()).toEqual([[newsletterId, 2]])
  })

  test('enters no newsletter its source is added to later, and none that another source brings it to', async () => {
    const first = await makeWorld(database.db, 'eins')
    const second = await makeWorld(database.db, 'zwei')
    await attach(first.newsletterId)
    await collect(item(1), item(2))
    await hide(1)
    await attach(second.newsletterId)
    expect(await entries()).toEqual([
      [first.newsletterId, 2],
      [second.newsletterId, 2],
    ])
    const given = parseSubmitted({ url: 'https://kurier.example/1', title: 'Titel 1' })
    if (given.kind === 'wrong') throw new Error(given.why)
    await addArticles(database.db, second.newsletterId, [given.article], now)
    expect(await entries()).toHaveLength(2)
    expect(await articles()).toHaveLength(2)
  })

  test('is listed as hidden, without an entry', async () => {
    const { newsletterId } = await makeWorld(database.db)
    await attach(newsletterId)
    await collect(item(1))
    await hide(1)
    expect(await listArticles(database.db, newsletterId, 10)).toEqual([
      expect.objectContaining({ id: 1, state: 'hidden', entryId: null }),
    ])
  })

  test('hidden a second time changes nothing; one that is not there refuses all', async () => {
    const { newsletterId } = await makeWorld(database.db)
    await attach(newsletterId)
    await collect(item(1), item(2))
    await hide(1)
    expect((await hide(1)).entries).toEqual([])
    await expect(hide(2, 77)).rejects.toMatchObject({ code: 'article.unknown', message: expect.stringContaining('77') })
    expect(await entries()).toEqual([[newsletterId, 2]])
  })

  test('is not brought back by a collection at the same time', async () => {
    const { newsletterId } = await makeWorld(database.db)
    await attach(newsletterId)
    const many = Array.from({ length: 30 }, (_, index) => item(index + 1))
    await collect(...many.slice(0, 10))
    const edited = many.map((one) => ({ ...one, description: 'Neu gefasst.' }))
    await Promise.all([collect(...edited), hide(1, 2, 3, 4, 5)])
    expect((await entries()).map(([, articleId]) => articleId)).not.toContain(3)
    expect(await entries()).toHaveLength(25)
  })
})

describe('a removed article', () => {
  test('loses its text, and its source brings back neither text nor article, whatever it edits', async () => {
    const { newsletterId } = await makeWorld(database.db)
    await attach(newsletterId)
    await collect(item(1), item(2))
    await remove(1)
    const blank = {
      state: 'removed',
      ...{ title: '', summary: null, contentHtml: null, author: null, imageUrl: null, topics: [], wordCount: null },
    }
    expect(await articles()).toMatchObject([blank, { state: 'visible' }])
    expect(JSON.stringify((await hide(1)).articles)).not.toContain('Titel')
    expect(await collect(item(1, { description: 'Ganz neu.' }), item(2))).toMatchObject({ new: 0, updated: 0 })
    expect(await collect(item(1, { guid: 'neu', title: 'Neuer Titel' }), item(2))).toMatchObject({ new: 0, updated: 0 })
    expect(await articles()).toMatchObject([blank, { state: 'visible' }])
    expect(await entries()).toEqual([[newsletterId, 2]])
  })

  test('was hidden before, or is hidden after: removed it is', async () => {
    const { newsletterId } = await makeWorld(database.db)
    await attach(newsletterId)
    await collect(item(1))
    await hide(1)
    expect((await remove(1)).articles).toMatchObject([{ title: 'Titel 1', state: 'removed' }])
    expect((await hide(1)).articles).toMatchObject([{ state: 'removed' }])
    const [row] = await database.db.select().from(article).where(eq(article.id, 1))
    expect(row).toMatchObject({ state: 'removed', title: '', urlKey: expect.stringContaining('kurier.example/1') })
  })
})
