import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { parseFeed } from '../../../src/articles/feeds/parse-feed.ts'
import { fetchFeed } from '../../../src/articles/sources/sitemap-index.ts'
import { openFeeds } from '../../support/fresh.ts'

const read = (text: string) =>
  parseFeed(Buffer.from(text), { contentType: null, url: 'https://kurier.example/news.xml' })
const NAMESPACES =
  'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
const news = (path: string, title: string, more = '') => `<url><loc>https://kurier.example/${path}</loc>
  <news:news><news:publication><news:name>Der Kurier</news:name><news:language>de</news:language></news:publication>
  <news:publication_date>2026-03-10T07:00:00+01:00</news:publication_date><news:title>${title}</news:title>${more}</news:news></url>`
const urlset = (...urls: string[]) =>
  `<?xml version="1.0" encoding="UTF-8"?><!-- Yoast --><urlset ${NAMESPACES}>${urls.join('\n')}</urlset>`

describe('a news sitemap', () => {
  test('is read as a feed: headline, address, date, topics, picture', () => {
    const image =
      '<image:image><image:loc>https://kurier.example/rat.jpg</image:loc><image:caption>Der Rat</image:caption></image:image>'
    const feed = read(
      urlset(
        news('rat?a=1&amp;b=2', 'Rat &amp;amp; Tat', '<news:keywords>Politik, Stadt</news:keywords>').replace(
          '</url>',
          `${image}</url>`,
        ),
      ),
    )
    expect(feed).toMatchObject({ title: 'Der Kurier', language: 'de' })
    expect(feed.items).toHaveLength(1)
    expect(feed.items[0]).toMatchObject({
      ...{ url: 'https://kurier.example/rat?a=1&b=2', title: 'Rat & Tat', topics: ['Politik', 'Stadt'] },
      image: { url: 'https://kurier.example/rat.jpg', alt: 'Der Rat' },
    })
    expect(feed.items[0]?.publishedAt?.toString()).toBe('2026-03-10T06:00:00Z')
  })

  test('takes CDATA and prefixes, and leaves out what has no headline', () => {
    const bare = '<url><loc>https://kurier.example/impressum</loc></url>'
    expect(read(urlset(bare, news('a', '<![CDATA[A & <b>B</b>]]>'))).items.map(({ title }) => title)).toEqual(['A & B'])
    expect(read(urlset())).toMatchObject({ items: [] })
  })

  test('is more than addresses: another sitemap is no feed', () => {
    const plain =
      '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://kurier.example/</loc></url></urlset>'
    expect(() => read(plain)).toThrow('not a feed')
    expect(() => read('<sitemapindex><sitemap><loc>https://kurier.example/</loc></sitemap></sitemapindex>')).toThrow(
      'not a feed',
    )
  })

  test('that is hostile takes no longer than its length', () => {
    for (const part of ['<url>', '</url>', '<url><news:title>', '<news:title ', '<url><loc>&amp;'])
      expect(() => read(`<urlset ${NAMESPACES}>${part.repeat(100_000)}`)).not.toThrow()
  })
})

const feeds = await openFeeds()
const get = (path: string) =>
  fetchFeed(feeds.url(path), { userAgent: 'x', guard: { allowPrivate: true }, timeoutMs: 2000 })
const index = (...children: [path: string, lastmod: string | null][]) =>
  `<sitemapindex>${children.map(([path, at]) => `<sitemap><loc>${feeds.url(path)}</loc>${at === null ? '' : `<lastmod>${at}</lastmod>`}</sitemap>`).join('')}</sitemapindex>`

describe('a sitemap index', () => {
  beforeEach(() => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) feeds.set(`/${name}`, urlset(news(name, `Titel ${name}`)))
  })

  test('stands for the four sitemaps that changed last, without validators of its own', async () => {
    feeds.set(
      '/index',
      index(['/e', null], ['/a', '2026-03-01'], ['/b', '2026-03-04'], ['/c', '2026-03-03'], ['/d', '2026-03-02']),
    )
    const fetched = await get('/index')
    if (fetched.kind !== 'document') throw new Error('no document')
    const titles = parseFeed(fetched.body, { contentType: fetched.contentType, url: fetched.finalUrl }).items.map(
      ({ title }) => title,
    )
    expect(titles).toEqual(['Titel b', 'Titel c', 'Titel d', 'Titel a'])
    expect(fetched).toMatchObject({ etag: null, lastModified: null })
  })

  test('is followed one level, past what is missing; where nothing is left it fails with the reason', async () => {
    feeds.set('/inner', index(['/a', null]))
    feeds.set('/outer', index(['/inner', null], ['/missing', null], ['/b', null]))
    const fetched = await get('/outer')
    const text = fetched.kind === 'document' ? fetched.body.toString() : ''
    expect(text).toContain('Titel b')
    expect(text).not.toContain('Titel a')
    feeds.set('/empty', index(['/missing', null]))
    expect(await get('/empty')).toMatchObject({ kind: 'failed', reason: 'The server answered 404.' })
    feeds.set('/none', index())
    expect(await get('/none')).toMatchObject({ kind: 'failed', reason: expect.stringContaining('names no sitemap') })
  })

  test('and its sitemaps may be gzip files, of bounded size', async () => {
    feeds.set('/z.gz', {
      kind: 'document',
      body: gzipSync(urlset(news('z', 'Titel z'))),
      headers: { 'content-type': 'application/gzip' },
    })
    feeds.set('/packed', {
      kind: 'document',
      body: gzipSync(index(['/z.gz', null])),
      headers: { 'content-type': 'application/gzip' },
    })
    const fetched = await get('/packed')
    expect(fetched.kind === 'document' && fetched.body.toString()).toContain('Titel z')
    feeds.set('/bomb', { kind: 'document', body: gzipSync(Buffer.alloc(30 * 1024 * 1024)) })
    expect(await get('/bomb')).toMatchObject({ kind: 'failed', reason: 'The document cannot be unpacked.' })
  })
})
