import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newsletter } from '../../../src/db/schema/newsletter.ts'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'
import { hookStatements } from '../../support/hooked.ts'
import { makeWorld } from '../../support/world.ts'
import { makeSite, type TestSite, textOf } from '../site.ts'

let database: TestDatabase
let site: TestSite

beforeAll(async () => {
  database = await openTestDatabase()
  await makeWorld(database.db, 'morgen')
  site = makeSite(database.db)
})
afterAll(() => database.close())

describe('the language', () => {
  const langOf = async (headers: Record<string, string>, path = '/') =>
    /<html lang="(\w+)"/.exec(await (await site.get(path, headers)).text())?.[1]

  test.each([
    ['en', 'en'],
    ['de-AT,de;q=0.9,en;q=0.8', 'de'],
    ['en-GB;q=0.7, de;q=0.9', 'de'],
    ['fr, en;q=0.5, de;q=0.1', 'en'],
    ['fr', 'de'],
    ['*', 'de'],
    ['de;q=0, en', 'en'],
    ['', 'de'],
    [';;,,q=', 'de'],
  ])('Accept-Language "%s" gives %s, with a German newsletter', async (header, lang) => {
    expect(await langOf({ 'accept-language': header })).toBe(lang)
  })

  test('?lang= wins, is kept by links and forms, and nonsense counts as nothing', async () => {
    expect(await langOf({ 'accept-language': 'de' }, '/?lang=en')).toBe('en')
    expect(await langOf({ 'accept-language': 'en' }, '/?lang=xx')).toBe('en')
    const html = await (await site.get('/subscribe?newsletter=morgen&lang=en')).text()
    expect(html).toContain('action="/subscribe?newsletter=morgen&amp;lang=en"')
    expect(html).toContain('href="/imprint?lang=en"')
    expect(html).toContain('href="?newsletter=morgen&amp;lang=de"')
  })

  test('a newsletter in English speaks English to who says nothing', async () => {
    await database.db.update(newsletter).set({ locale: 'en' })
    expect(await langOf({}, '/archive/morgen')).toBe('en')
    await database.db.update(newsletter).set({ locale: 'de' })
  })
})

describe('pages about the whole', () => {
  test('the start page lists newsletters with their hour, form and archive', async () => {
    const html = await (await site.get('/')).text()
    expect(textOf(html)).toContain('Der Morgen Täglich um 7:00 (Europe/Berlin)')
    expect(html).toContain('href="/subscribe?newsletter=morgen"')
    expect(html).toContain('href="/archive/morgen"')
    expect(html).toContain('href="/imprint"')
  })

  test('the imprint names each publisher; the privacy page says what is kept, in both languages', async () => {
    expect(textOf(await (await site.get('/imprint')).text())).toContain('Verlag Beispiel, Musterweg 1, 10115 Berlin')
    const german = textOf(await (await site.get('/privacy')).text())
    for (const word of ['IP-Adresse', 'Versandprotokoll', '7 Tagen', 'Auskunft', 'Verlag Beispiel'])
      expect(german).toContain(word)
    const english = textOf(await (await site.get('/privacy?lang=en')).text())
    for (const word of ['IP address', 'delivery log', '7 days', 'access to your data']) expect(english).toContain(word)
  })

  test('imprint and privacy page link to an address that holds what ends one in a URL, and show it as it is read', async () => {
    await database.db.update(newsletter).set({ replyTo: 'a?b&c%d@müller.de' })
    for (const page of ['/imprint', '/privacy', '/privacy?lang=en']) {
      const html = await (await site.get(page)).text()
      expect(html).toContain('href="mailto:a%3Fb%26c%25d@xn--mller-kva.de"')
      expect(textOf(html)).toContain('a?b&c%d@müller.de')
    }
    await database.db.update(newsletter).set({ replyTo: null })
  })

  test('/healthz answers; /readyz turns red with its reasons', async () => {
    expect((await site.get('/healthz')).status).toBe(200)
    expect(await (await site.get('/readyz')).json()).toEqual({ ready: true, reasons: [] })
    const red = makeSite(database.db, {
      readHealth: async () => ({ ready: false, reasons: ['The scheduler is silent.'] }),
    })
    const answer = await red.get('/readyz')
    expect(answer.status).toBe(503)
    expect(await answer.json()).toEqual({ ready: false, reasons: ['The scheduler is silent.'] })
  })
})

describe('a page whose database fails', () => {
  const failing = (error: Error) => makeSite(hookStatements(database.pool, () => Promise.reject(error)))

  test('for a reason that passes asks to come back (503), else it is a fault (500)', async () => {
    const lost = Object.assign(new Error('the connection was lost'), { code: '08006' })
    const passing = await failing(lost).get('/archive/morgen')
    expect(passing.status).toBe(503)
    expect(textOf(await passing.text())).toContain('in einer Minute noch einmal')
    expect((await failing(new Error('no such column')).get('/archive/morgen')).status).toBe(500)
  })
})

describe('every answer', () => {
  test('bears headers that allow no script, frame, referrer or sniffing; the form may be embedded', async () => {
    const policy = async (path: string) => (await site.get(path)).headers.get('content-security-policy') ?? ''
    const { headers } = await site.get('/')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('strict-transport-security')).toMatch(/^max-age=/)
    expect(await policy('/')).toContain("default-src 'none'")
    expect(await policy('/')).not.toMatch(/unsafe|script-src/)
    expect(await policy('/')).toContain("frame-ancestors 'none'")
    expect(await policy('/subscribe')).toContain('frame-ancestors *')
    expect((await site.get('/subscribe')).headers.get('x-frame-options')).toBeNull()
    expect(await policy('/nowhere')).toContain("frame-ancestors 'none'")
  })

  test('to a wrong method says which are allowed', async () => {
    const answer = await site.app.request('/subscribe', { method: 'DELETE' })
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe('GET, HEAD, POST')
    expect((await site.app.request('/imprint', { method: 'POST' })).headers.get('allow')).toBe('GET, HEAD')
    expect((await site.app.request('/confirm/x', { method: 'PUT' })).headers.get('allow')).toBe('GET, HEAD, POST')
  })

  test('for what is not there speaks the language of the reader', async () => {
    const german = await site.get('/nowhere')
    expect(german.status).toBe(404)
    expect(textOf(await german.text())).toContain('Diese Seite gibt es nicht')
    expect(textOf(await (await site.get('/nowhere', { 'accept-language': 'en' })).text())).toContain(
      'There is no such page',
    )
  })

  test('to a fault of ours tells nothing of it; the log tells its place and no parameters', async () => {
    const broken = makeSite(database.db, {
      readHealth: () => Promise.reject(new Error('Failed query: select lea@example.net')),
    })
    const answer = await broken.get('/readyz')
    expect(answer.status).toBe(500)
    expect(await answer.text()).not.toContain('lea@')
    expect(broken.logged.join('')).toContain('web.fault')
    expect(broken.logged.join('')).not.toContain('lea@')
  })
})

describe('style sheets', () => {
  test('are kept for ever under their version, and asked for again under none', async () => {
    const html = await (await site.get('/subscribe')).text()
    for (const name of ['pico.css', 'courant.css']) {
      const href = new RegExp(`href="(/assets/${name}\\?v=\\w+)"`).exec(html)?.[1] ?? ''
      const answer = await site.get(href)
      expect(answer.headers.get('content-type')).toBe('text/css; charset=utf-8')
      expect(answer.headers.get('cache-control')).toContain('immutable')
      const plain = await site.get(`/assets/${name}`)
      expect(plain.headers.get('cache-control')).toBe('public, max-age=300')
      const etag = plain.headers.get('etag') ?? ''
      expect((await site.get(`/assets/${name}`, { 'if-none-match': etag })).status).toBe(304)
    }
    expect(html).toContain('/assets/accent/1a5276.css')
    expect(await (await site.get('/assets/accent/1a5276.css')).text()).toContain('--accent:#1a5276')
  })

  test.each(['/assets/none.css', '/assets/..%2Fcourant.css', '/assets/accent/red.css'])(
    '%s is not found',
    async (path) => {
      expect((await site.get(path)).status).toBe(404)
    },
  )
})

describe('templates of the publisher', () => {
  test('are taken for ours; a faulty one refuses to start, naming file and line', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'courant-pages-'))
    mkdirSync(join(dir, 'pages'))
    writeFileSync(
      join(dir, 'pages', 'home.liquid'),
      "{% layout 'frame' %}{% block main %}Unser Haus: {{ newsletters[0].name }}{% endblock %}",
    )
    const own = makeSite(database.db, { config: { templatesDir: dir } })
    expect(textOf(await (await own.get('/')).text())).toBe('Unser Haus: Der Morgen')
    expect((await own.get('/imprint')).status).toBe(200)
    writeFileSync(join(dir, 'pages', 'home.liquid'), '\n{% if %}')
    expect(() => makeSite(database.db, { config: { templatesDir: dir } })).toThrow(/pages\/home\.liquid.*line:2/)
    rmSync(dir, { recursive: true })
  })
})

test('a mounted path goes to its handler as it is, with all below it', async () => {
  const seen: string[] = []
  const mounted = makeSite(database.db, {
    mounts: {
      '/mailbox': async (request) => {
        seen.push(new URL(request.url).pathname)
        return new Response('mails', { headers: { 'content-security-policy': "default-src 'self'" } })
      },
    },
  })
  expect(await (await mounted.get('/mailbox')).text()).toBe('mails')
  const below = await mounted.get('/mailbox/7/raw')
  expect(below.headers.get('content-security-policy')).toBe("default-src 'self'")
  expect(seen).toEqual(['/mailbox', '/mailbox/7/raw'])
})
