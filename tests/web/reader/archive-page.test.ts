import { eq, sql } from 'drizzle-orm'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Database } from '../../../src/db/client.ts'
import { article } from '../../../src/db/schema/article.ts'
import { edition, editionArticle, variant } from '../../../src/db/schema/edition.ts'
import { readVariant } from '../../../src/digest/variant.ts'
import { anew } from '../../support/anew.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { makeWorld, NOON } from '../../support/world.ts'
import { BASE_URL, makeSite, textOf } from '../site.ts'

const { db } = await freshDatabase()
const site = await anew(() => makeSite(db))
const world = await anew(() => makeWorld(db, 'morgen'))
let entries: readonly number[]
beforeEach(async () => {
  entries = await world.addArticles(80)
})

type Made = { readonly publicId: string; readonly homeId: number; readonly otherId: number }

/** An edition with a home variant of all entries and another of the first three. */
async function makeEdition(
  db: Database,
  publicId: string,
  state: 'finished' | 'sending' = 'finished',
  home = true,
): Promise<Made> {
  const [made] = await db
    .insert(edition)
    .values({
      publicId,
      newsletterId: world.newsletterId,
      state,
      home,
      boundEntryId: 99,
      nonce: Buffer.alloc(32),
      createdAt: NOON,
    })
    .returning()
  const editionId = made?.id ?? 0
  await db.execute(sql`
    insert into edition_article (edition_id, entry_id, article_id, url, title, summary, source, published_at)
    select ${editionId}, e.id, a.id, a.url, a.title, a.summary, 'Beispielblatt', a.published_at
    from entry e join article a on a.id = e.article_id`)
  const common = { editionId, locale: 'de' as const, format: 'html' as const }
  const variants = await db
    .insert(variant)
    .values([
      { ...common, publicId: `${publicId}-home`, entryIds: entries.toReversed(), entriesHash: 'a', home },
      { ...common, publicId: `${publicId}-other`, entryIds: entries.slice(0, 3), entriesHash: 'b' },
    ])
    .returning()
  return { publicId, homeId: variants[0]?.id ?? 0, otherId: variants[1]?.id ?? 0 }
}

const titlesIn = (html: string) => [...html.matchAll(/Nachricht Nummer (\d+)</g)].map((match) => Number(match[1]))
const nextOf = (html: string) => /<link rel="next" href="([^"]+)"/.exec(html)?.[1]

/** The numbers of the articles on all pages of an edition. */
async function titlesOnAll(path: string): Promise<readonly number[]> {
  const html = await (await site.get(path)).text()
  const next = nextOf(html)
  return [...titlesIn(html), ...(next === undefined ? [] : await titlesOnAll(next))]
}
const pathOf = (url: string) => url.slice(BASE_URL.length)

describe('the links of a digest', () => {
  test('“Im Browser lesen” shows the home edition, without anything personal', async () => {
    const { homeId } = await makeEdition(db, 'heute')
    const { digest } = await readVariant(db, homeId, BASE_URL)
    const answer = await site.get(pathOf(digest.browserUrl))
    const html = await answer.text()
    expect(answer.status).toBe(200)
    expect(titlesIn(html)).toHaveLength(50)
    expect(html).not.toMatch(/unsubscribe|confirm|@/)
    expect(answer.headers.get('x-robots-tag')).toBeNull()
  })

  test('“und N weitere Artikel” shows all articles of the very variant', async () => {
    const { homeId, otherId } = await makeEdition(db, 'heute')
    const all = await readVariant(db, homeId, BASE_URL)
    expect(new Set(await titlesOnAll(pathOf(all.digest.moreUrl))).size).toBe(80)
    const few = await readVariant(db, otherId, BASE_URL)
    const answer = await site.get(pathOf(few.digest.moreUrl))
    expect(titlesIn(await answer.text())).toEqual([1, 2, 3])
    expect(answer.headers.get('x-robots-tag')).toBe('noindex')
    expect(titlesIn(await (await site.get('/archive/morgen/heute?variant=heute-other')).text())).toEqual([1, 2, 3])
  })

  test('work while the edition is being sent, and for one without a home variant', async () => {
    await makeEdition(db, 'jetzt', 'sending')
    expect((await site.get('/archive/morgen/jetzt')).status).toBe(200)
    await makeEdition(db, 'abends', 'sending', false)
    expect(await titlesOnAll('/archive/morgen/abends')).toEqual(Array.from({ length: 80 }, (_, n) => 80 - n))
  })

  test('an article hidden or removed since is not shown', async () => {
    await makeEdition(db, 'heute')
    await db.update(article).set({ state: 'hidden' }).where(eq(article.title, 'Nachricht Nummer 7'))
    await db.update(article).set({ state: 'removed' }).where(eq(article.title, 'Nachricht Nummer 80'))
    const shown = await titlesOnAll('/archive/morgen/heute')
    expect(shown).toHaveLength(78)
    expect(shown).not.toContain(7)
    expect(titlesIn(await (await site.get('/archive/morgen')).text())).toEqual([79])
  })
})

describe('an edition of many articles', () => {
  beforeEach(() => makeEdition(db, 'heute'))

  test('is shown page by page, each with its neighbours and its own address', async () => {
    const first = await (await site.get('/archive/morgen/heute')).text()
    const second = await (await site.get('/archive/morgen/heute?page=2')).text()
    expect([titlesIn(first).length, titlesIn(second).length]).toEqual([50, 30])
    expect(new Set([...titlesIn(first), ...titlesIn(second)]).size).toBe(80)
    expect(first).toContain('<link rel="canonical" href="https://news.example.org/archive/morgen/heute">')
    expect(first).toContain('<a href="/archive/morgen/heute?page=2" rel="next">Nächste Seite</a>')
    expect(first).not.toContain('rel="prev"')
    expect(second).toContain('<link rel="canonical" href="https://news.example.org/archive/morgen/heute?page=2">')
    expect(second).toContain('<link rel="prev" href="/archive/morgen/heute">')
    expect(second).not.toContain('rel="next"')
    expect(second).toContain('Seite 2 von 2</title>')
    const english = await (await site.get('/archive/morgen/heute?page=2&lang=en')).text()
    expect(textOf(english)).toContain('Page 2 of 2 Previous page')
    expect(english).toContain('href="/archive/morgen/heute?lang=en" rel="prev"')
    expect(english).toContain('href="?page=2&amp;lang=de"')
  })

  test.each(['3', '0', '-1', '1.5', 'x', '99999', '999999', ''])('has no page “%s”', async (page) => {
    expect((await site.get(`/archive/morgen/heute?page=${page}`)).status).toBe(404)
  })

  test('is not sent to a reader who has it, until something in it changes', async () => {
    const answer = await site.get('/archive/morgen/heute')
    const tag = answer.headers.get('etag') ?? ''
    const again = await site.get('/archive/morgen/heute?utm=1', { 'if-none-match': `"x", W/${tag}` })
    expect(again.status).toBe(304)
    expect(await again.text()).toBe('')
    expect(again.headers.get('etag')).toBe(tag)
    expect(again.headers.get('cache-control')).toBe('no-cache')
    for (const path of ['/archive/morgen/heute?page=2', '/archive/morgen/heute?lang=en'])
      expect((await site.get(path, { 'if-none-match': tag })).status).toBe(200)
    await db.update(article).set({ state: 'hidden' }).where(eq(article.title, 'Nachricht Nummer 77'))
    const changed = await site.get('/archive/morgen/heute', { 'if-none-match': tag })
    expect(changed.status).toBe(200)
    expect(titlesIn(await changed.text())).not.toContain(77)
  })

  test('is read for two at a time; whoever finds too many waiting is told to come back', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => site.get('/archive/morgen/heute')))
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(52)
    const refused = answers.find(({ status }) => status === 503)
    expect(refused?.headers.get('retry-after')).toBe('5')
    expect((await site.get('/archive/morgen/heute')).status).toBe(200)
  })
})

describe('the list', () => {
  test('has the finished home editions, newest first, page by page', async () => {
    for (let n = 1; n <= 35; n += 1) await makeEdition(db, `e${n}`)
    await makeEdition(db, 'unfinished', 'sending')
    await makeEdition(db, 'by-hand', 'finished', false)
    const named = (html: string) => [...html.matchAll(/\/archive\/morgen\/(\w+)"/g)].map((match) => match[1])
    const first = await (await site.get('/archive/morgen')).text()
    expect(named(first)).toEqual(Array.from({ length: 30 }, (_, n) => `e${35 - n}`))
    const next = /href="(\/archive\/morgen\?before=\w+)"/.exec(first)?.[1] ?? ''
    const second = await (await site.get(next)).text()
    expect(named(second)).toEqual(['e5', 'e4', 'e3', 'e2', 'e1'])
    expect(second).not.toContain('/archive/morgen?before=')
  })

  test('says so while there is none, in both languages', async () => {
    expect(textOf(await (await site.get('/archive/morgen')).text())).toContain('Noch ist keine Ausgabe erschienen.')
    expect(textOf(await (await site.get('/archive/morgen?lang=en')).text())).toContain('No edition has appeared yet.')
  })
})

test('foreign texts are escaped, and links only lead where readers may be sent', async () => {
  await makeEdition(db, 'heute')
  await db
    .update(editionArticle)
    .set({ title: '<script>alert(1)</script>"', url: 'javascript:alert(1)', summary: '{{ 1 }}<img src=x onerror=y>' })
  const html = await (await site.get('/archive/morgen/heute')).text()
  expect(html).not.toMatch(/<script|<img src=x|href="javascript/)
  expect(html).toContain('&lt;script&gt;')
})

test.each([
  '/archive/none',
  '/archive/morgen/none',
  '/archive/morgen/heute/none',
  '/archive/Morgen',
  '/archive/morgen/%00',
])('%s is not found', async (path) => {
  await makeEdition(db, 'heute')
  expect((await site.get(path)).status).toBe(404)
})

test('an edition of another newsletter is not found under this one', async () => {
  await makeEdition(db, 'heute')
  await makeWorld(db, 'abend')
  expect((await site.get('/archive/abend/heute')).status).toBe(404)
  expect((await site.get('/archive/abend/heute/heute-home')).status).toBe(404)
})
