import { describe, expect, test } from 'vitest'
import { isPublicAddress, type Resolve } from '../../../src/articles/fetch/address-guard.ts'
import { type Fetched, type FetchOptions, fetchDocument } from '../../../src/articles/fetch/fetch-document.ts'
import { startFeeds, writeRss } from '../../support/feeds.ts'
import { openFeeds } from '../../support/fresh.ts'

const FEED = writeRss([{ guid: '1', link: 'https://kurier.example/1', title: 'Eins' }])
const feeds = await openFeeds()
const other = await openFeeds()

const get = (path: string, options: Partial<FetchOptions> = {}) =>
  fetchDocument(feeds.url(path), { userAgent: 'Courant/test', guard: { allowPrivate: true }, ...options })

function bodyOf(fetched: Fetched): string {
  return fetched.kind === 'document' ? fetched.body.toString() : JSON.stringify(fetched)
}

describe('fetching', () => {
  test('brings the document with its type and validators, and says who asks', async () => {
    feeds.set('/plain', FEED)
    const fetched = await get('/plain')
    expect(fetched).toMatchObject({
      kind: 'document',
      contentType: 'text/xml',
      finalUrl: feeds.url('/plain'),
      movedTo: null,
    })
    expect(bodyOf(fetched)).toBe(FEED)
    expect(feeds.asked.at(-1)?.headers['user-agent']).toBe('Courant/test')
  })

  test('asks with the validators it holds and learns that nothing changed', async () => {
    feeds.set('/held', FEED)
    const first = await get('/held')
    if (first.kind !== 'document') throw new Error('no document')
    const second = await get('/held', { etag: first.etag, lastModified: first.lastModified })
    expect(second).toEqual({ kind: 'unchanged', movedTo: null, cacheControl: null })
    expect(feeds.asked.at(-1)?.headers).toMatchObject({
      'if-none-match': first.etag,
      'if-modified-since': first.lastModified,
    })
  })

  test.each(['gzip', 'deflate', 'deflate-raw', 'br', 'zstd'] as const)('unpacks %s', async (encoding) => {
    feeds.set(`/${encoding}`, { kind: 'document', body: FEED, encoding })
    expect(bodyOf(await get(`/${encoding}`))).toBe(FEED)
  })

  test('stops at the limit of the unpacked size, however small the reply is', async () => {
    feeds.set('/bomb', { kind: 'document', body: Buffer.alloc(2_000_000, ' '), encoding: 'gzip' })
    expect(await get('/bomb', { maxBytes: 100_000 })).toMatchObject({
      kind: 'failed',
      reason: 'The document is larger than 100000 bytes.',
    })
  })

  test('follows redirects and remembers where the permanent ones led', async () => {
    feeds.set('/new', FEED)
    feeds.set('/old', { kind: 'redirect', to: '/older', status: 301 })
    feeds.set('/older', { kind: 'redirect', to: feeds.url('/new'), status: 308 })
    const fetched = await get('/old')
    expect(fetched).toMatchObject({ kind: 'document', finalUrl: feeds.url('/new'), movedTo: feeds.url('/new') })
  })

  test('remembers nothing behind a temporary redirect', async () => {
    feeds.set('/end', FEED)
    feeds.set('/then', { kind: 'redirect', to: '/end', status: 301 })
    feeds.set('/first', { kind: 'redirect', to: '/then', status: 302 })
    feeds.set('/moved', { kind: 'redirect', to: '/first', status: 301 })
    expect(await get('/first')).toMatchObject({ kind: 'document', movedTo: null })
    expect(await get('/moved')).toMatchObject({ kind: 'document', movedTo: feeds.url('/first') })
  })

  test('gives up after five redirects', async () => {
    feeds.set('/round', { kind: 'redirect', to: '/round', status: 302 })
    const before = feeds.asked.length
    expect(await get('/round')).toMatchObject({ kind: 'failed', reason: 'More than 5 redirects.' })
    expect(feeds.asked.length - before).toBe(6)
  })

  test('sends credentials and own headers to their origin and never on to another', async () => {
    other.set('/there', FEED)
    feeds.set('/private', { kind: 'redirect', to: other.url('/there'), status: 302 })
    const credentials = { origin: feeds.origin, username: 'anna', password: 'geheim', headers: { 'x-key': '42' } }
    await get('/private', { credentials })
    const basic = `Basic ${Buffer.from('anna:geheim').toString('base64')}`
    expect(feeds.asked.at(-1)?.headers).toMatchObject({ authorization: basic, 'x-key': '42' })
    expect(other.asked.at(-1)?.headers.authorization).toBeUndefined()
    expect(other.asked.at(-1)?.headers['x-key']).toBeUndefined()
  })

  test('says that a feed is gone, and when a server wants to be asked again', async () => {
    feeds.set('/gone', { kind: 'document', body: '', status: 410 })
    feeds.set('/busy', { kind: 'document', body: '', status: 503, headers: { 'retry-after': '120' } })
    expect(await get('/gone')).toMatchObject({ kind: 'failed', gone: true, reason: 'The server answered 410.' })
    expect(await get('/busy')).toMatchObject({ kind: 'failed', gone: false, retryAfter: '120' })
  })

  test.each(['silent', 'stalled'] as const)('waits for a %s server only so long', async (kind) => {
    feeds.set('/slow', kind === 'silent' ? { kind } : { kind, body: FEED })
    expect(await get('/slow', { timeoutMs: 150 })).toMatchObject({
      kind: 'failed',
      reason: 'The server took too long.',
    })
  })

  test('waits for a resolver only so long', async () => {
    const resolve = () => new Promise<string[]>(() => {})
    const fetched = await fetchDocument('http://slow.example/', {
      userAgent: 'x',
      guard: { allowPrivate: false, resolve },
      timeoutMs: 50,
    })
    expect(fetched).toMatchObject({ kind: 'failed', reason: 'The server took too long.' })
  })

  test('reports a connection that breaks and a port nobody listens on', async () => {
    feeds.set('/broken', { kind: 'broken', body: FEED })
    expect(await get('/broken')).toMatchObject({ kind: 'failed', reason: expect.stringContaining('broke') })
    for (const body of [null, FEED]) {
      feeds.set('/reset', { kind: 'reset', body })
      expect(await get('/reset')).toMatchObject({ kind: 'failed', reason: expect.stringContaining('broke') })
    }
    const closed = await startFeeds()
    const url = closed.url('/')
    await closed.close()
    const refused = await fetchDocument(url, { userAgent: 'x', guard: { allowPrivate: true } })
    expect(refused).toMatchObject({ kind: 'failed', reason: 'The server refuses connections.' })
  })

  test('reports a compressed body that is none, and an encoding it does not know', async () => {
    feeds.set('/liar', { kind: 'document', body: FEED, headers: { 'content-encoding': 'gzip' } })
    feeds.set('/odd', { kind: 'document', body: FEED, headers: { 'content-encoding': 'sdch' } })
    expect((await get('/liar')).kind).toBe('failed')
    expect(await get('/odd')).toMatchObject({ kind: 'failed', reason: 'The encoding sdch is not known.' })
  })
})

/** For these tests 127.0.0.1, where the server is, counts as public, and nothing else on loopback does. */
describe('fetching from the public internet only', () => {
  const isPublic = (address: string) => address === '127.0.0.1' || isPublicAddress(address)
  const port = () => new URL(feeds.origin).port
  const outside = (url: string, resolve: Resolve = async () => ['127.0.0.1']) =>
    fetchDocument(url, { userAgent: 'x', guard: { allowPrivate: false, resolve, isPublic } })

  test('dials nothing for a private address, a private name, or a name that leads inwards', async () => {
    const asked = feeds.asked.length
    for (const host of ['127.0.0.2', 'localhost', '[::1]', 'inward.example'])
      expect(await outside(`http://${host}:${port()}/plain`, async () => ['127.0.0.1', '10.0.0.1'])).toMatchObject({
        kind: 'failed',
        reason: expect.stringContaining('not public'),
      })
    expect(feeds.asked.length).toBe(asked)
  })

  test('dials the address it checked, though the name leads elsewhere by then', async () => {
    const answers = [['127.0.0.1'], ['127.0.0.2']]
    const resolved: string[] = []
    const resolve = async (host: string) => {
      resolved.push(host)
      return answers.shift() ?? []
    }
    feeds.set('/named', FEED)
    expect(bodyOf(await outside(`http://name.example:${port()}/named`, resolve))).toBe(FEED)
    expect(resolved).toEqual(['name.example'])
    expect(feeds.asked.at(-1)?.headers.host).toBe(`name.example:${port()}`)
  })

  test('follows a redirect that stays outside', async () => {
    feeds.set('/stay', { kind: 'redirect', to: `http://other.example:${port()}/plain`, status: 302 })
    expect((await outside(feeds.url('/stay'))).kind).toBe('document')
  })

  test.each([
    'http://127.0.0.2:PORT/plain',
    'http://[::ffff:7f00:2]:PORT/plain',
    'http://localhost:PORT/plain',
    'http://inward.example:PORT/plain',
    'http://user:password@127.0.0.1:PORT/plain',
    'http://[fe80::1%25lo]:PORT/plain',
    'file:///etc/passwd',
    'ftp://files.example/feed.xml',
    'gopher://127.0.0.1:PORT/_GET',
  ])('does not follow a redirect to %s', async (to) => {
    feeds.set('/lure', { kind: 'redirect', to: to.replace('PORT', port()), status: 302 })
    const asked = feeds.asked.length
    const resolve = async (host: string) => (host === 'inward.example' ? ['127.0.0.2'] : ['127.0.0.1'])
    expect((await outside(feeds.url('/lure'), resolve)).kind).toBe('failed')
    expect(feeds.asked.slice(asked).map(({ path }) => path)).toEqual(['/lure'])
  })
})
