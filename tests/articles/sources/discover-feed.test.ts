import { describe, expect, test } from 'vitest'
import { linkedFeeds } from '../../../src/articles/feeds/feed-links.ts'
import { discoverFeed } from '../../../src/articles/sources/discover-feed.ts'
import { startFeeds, writeRss } from '../../support/feeds.ts'
import { openFeeds } from '../../support/fresh.ts'

const PAGE = 'https://kurier.example/politik/'

describe('the feeds a page links', () => {
  test.each([
    ['', []],
    ['<link rel="alternate" type="application/rss+xml" href="/feed">', ['https://kurier.example/feed']],
    ["<LINK HREF=feed.xml TYPE='application/atom+xml' REL='Alternate'>", ['https://kurier.example/politik/feed.xml']],
    [
      '<link rel="alternate home" type="application/feed+json; charset=utf-8" href="/f.json"/>',
      ['https://kurier.example/f.json'],
    ],
    ['<base href="https://cdn.example/x/"><link rel=alternate type=text/xml href=y>', ['https://cdn.example/x/y']],
    ['<link rel="alternate" type="application/rss+xml" href="/a?b=1&amp;c=2">', ['https://kurier.example/a?b=1&c=2']],
    ['<link rel="alternate" type="application/json" href="/wp-json/wp/v2/posts/1">', []],
    ['<link rel="alternate" hreflang="en" href="/en">', []],
    ['<link rel="stylesheet" type="text/css" href="/a.css">', []],
    ['<link rel="alternate" type="application/rss+xml" href="javascript:alert(1)">', []],
    ['<!-- <link rel="alternate" type="application/rss+xml" href="/old"> -->', []],
    ['<script>"<link rel=alternate type=application/rss+xml href=/no>"</script>', []],
  ])('%s', (head, expected) => {
    expect(linkedFeeds(`<!doctype html><html><head>${head}<title>x</title></head><body>x</body></html>`, PAGE)).toEqual(
      expected,
    )
  })

  test('come in the order of the page, each once, those of comments and podcasts last', () => {
    const link = (href: string, title: string) =>
      `<link rel="alternate" type="application/rss+xml" href="${href}" title="${title}">`
    const head =
      link('/comments/feed', 'Kurier » Comments Feed') +
      link('/pod', 'Podcast') +
      link('/feed', 'Kurier') +
      link('/sport', 'Sport') +
      link('/feed', 'x')
    expect(linkedFeeds(head, 'https://kurier.example/')).toEqual(
      ['/feed', '/sport', '/comments/feed', '/pod'].map((path) => `https://kurier.example${path}`),
    )
  })

  test('are found in bounded time in whatever is served', () => {
    expect(linkedFeeds('<div>'.repeat(200_000), PAGE)).toEqual([])
    expect(linkedFeeds('<link rel="alternate"'.repeat(50_000), PAGE)).toEqual([])
  })
})

const feeds = await openFeeds()

const discover = (path: string, allowPrivate = true) =>
  discoverFeed(feeds.url(path), { userAgent: 'Courant/test', guard: { allowPrivate }, timeoutMs: 2000 })
const page = (head: string) => ({
  kind: 'document' as const,
  body: `<!doctype html><html><head>${head}</head></html>`,
  headers: { 'content-type': 'text/html' },
})
const link = (href: string) => `<link rel="alternate" type="application/rss+xml" href="${href}">`

describe('an address given as a feed’s', () => {
  test('is taken as it is when a feed stands there', async () => {
    feeds.set('/direct', writeRss([], { title: 'Direkt' }))
    expect(await discover('/direct')).toEqual({ kind: 'feed', title: 'Direkt' })
  })

  test('leads from a page to the first feed it links that can be read, and names the others', async () => {
    feeds.set('/page', page(link('/broken') + link('/main') + link('/sport')))
    feeds.set('/broken', page(''))
    feeds.set('/main', writeRss([], { title: 'Haupt' }))
    expect(await discover('/page')).toEqual({
      ...{ kind: 'page', url: feeds.url('/main'), title: 'Haupt' },
      others: [feeds.url('/broken'), feeds.url('/sport')],
    })
  })

  test('leads from a page without a link to a usual path', async () => {
    const bare = await startFeeds()
    try {
      bare.set('/', page(''))
      const options = { userAgent: 'Courant/test', guard: { allowPrivate: true } }
      expect(await discoverFeed(bare.url('/'), options)).toMatchObject({ kind: 'none' })
      bare.set('/atom.xml', '<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title></feed>')
      expect(await discoverFeed(bare.url('/'), options)).toEqual({
        ...{ kind: 'page', url: bare.url('/atom.xml'), title: 'A', others: [] },
      })
    } finally {
      await bare.close()
    }
  })

  test('where something else stands is none, and where nothing answers is a failure', async () => {
    feeds.set('/text', { kind: 'document', body: 'Guten Tag', headers: { 'content-type': 'text/plain' } })
    expect(await discover('/text')).toMatchObject({ kind: 'none' })
    expect(await discover('/nothing')).toEqual({ kind: 'failed', reason: 'The server answered 404.' })
  })

  test('is guarded, and so is where a page leads', async () => {
    expect(await discover('/direct', false)).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('not public'),
    })
    const asked = feeds.asked.length
    feeds.set('/lure', page(link('http://169.254.169.254/feed')))
    const isPublic = (address: string) => address === '127.0.0.1'
    const found = await discoverFeed(feeds.url('/lure'), { userAgent: 'x', guard: { allowPrivate: false, isPublic } })
    expect(found).toMatchObject({ kind: 'none' })
    expect(feeds.asked.length).toBeGreaterThan(asked)
  })

  test('is shown the secrets, and another origin is not', async () => {
    const other = await startFeeds()
    try {
      feeds.set('/secret', page(link(other.url('/feed')) + link('/own')))
      feeds.set('/own', writeRss([]))
      const credentials = { origin: feeds.origin, username: 'anna', password: 'geheim', headers: { 'x-key': '1' } }
      await discoverFeed(feeds.url('/secret'), { userAgent: 'x', guard: { allowPrivate: true }, credentials })
      expect(feeds.asked.find(({ path }) => path === '/own')?.headers).toMatchObject({
        'x-key': '1',
        authorization: expect.any(String),
      })
      expect(other.asked).toHaveLength(1)
      expect(other.asked[0]?.headers).not.toHaveProperty('authorization')
      expect(other.asked[0]?.headers).not.toHaveProperty('x-key')
    } finally {
      await other.close()
    }
  })
})
