import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'
import { makeWorld } from '../../support/world.ts'
import { askFor } from '../readers.ts'
import { FOREIGN, makeSite, type TestSite, undoPath } from '../site.ts'

let database: TestDatabase
let site: TestSite
/** A path for each route of the app that says something about one reader, or answers what one typed. */
let personal: Readonly<Record<string, string>>

/** Pages that are the same for everybody; each with a path that is answered with 200. */
const PUBLIC: Readonly<Record<string, string>> = {
  '/': '/',
  '/imprint': '/imprint',
  '/privacy': '/privacy',
  '/archive/:newsletter': '/archive/morgen',
}
const OTHERS: Readonly<Record<string, string>> = {
  '/archive/:newsletter/:edition/:variant?': '/archive/morgen/none',
  '/healthz': '/healthz',
  '/readyz': '/readyz',
}
/** Style sheets say for themselves how long they are kept. */
const isAsset = (path: string) => path.startsWith('/assets/')

beforeAll(async () => {
  database = await openTestDatabase()
  const world = await makeWorld(database.db, 'morgen')
  const [reader = 0, leaver = 0] = await world.addReaders(2)
  site = makeSite(database.db, {
    mounts: { '/mailbox': async () => new Response('To: lea@leser.example', { status: 404 }) },
  })
  const left = `/unsubscribe/${site.token('unsubscribe', leaver)}`
  personal = {
    '/mailbox': '/mailbox',
    '/mailbox/*': '/mailbox/7',
    '/subscribe': '/subscribe',
    '/confirm/:token': await askFor(site, database.db, 'morgen'),
    '/undo/:token': undoPath(await (await site.post(left, {})).text()),
    '/unsubscribe/:token': `/unsubscribe/${site.token('unsubscribe', reader)}`,
  }
})
afterAll(() => database.close())

const cachingOf = async (path: string, init: RequestInit = {}) => {
  const { headers } = await site.app.request(path, init)
  return headers.get('cache-control')
}

describe('a cache on the way to the reader', () => {
  test('may keep nothing of any route but those that are the same for everybody', async () => {
    const known = { ...PUBLIC, ...OTHERS, ...personal }
    const routes = site.app.routes.filter(({ path, handler }) => path !== '/*' && handler.length < 2)
    const paths = [...new Set(routes.map(({ path }) => path))].filter((path) => !isAsset(path))
    expect(paths.filter((path) => known[path] === undefined)).toEqual([])
    for (const { path, method } of routes.filter((one) => !isAsset(one.path))) {
      const methods = method === 'ALL' ? ['GET', 'POST'] : method === 'GET' ? ['GET', 'HEAD'] : [method]
      for (const one of methods) {
        const isPublic = PUBLIC[path] !== undefined || (path === '/subscribe' && one !== 'POST')
        expect(await cachingOf(known[path] ?? '', { method: one }), `${one} ${path}`).toBe(
          isPublic ? 'no-cache' : 'no-store',
        )
      }
    }
  })

  test('keeps no form that shows again what was typed, and no answer to one', async () => {
    for (const email of ['lea@leser.example', 'not an address']) {
      const answer = await site.post('/subscribe', { newsletter: 'morgen', email })
      expect(answer.headers.get('cache-control')).toBe('no-store')
    }
  })

  test('keeps no page that says what is wrong, whatever the status', async () => {
    const unsubscribe = personal['/unsubscribe/:token'] ?? ''
    const torn = await site.post(unsubscribe, '%ff=1', { 'content-type': 'multipart/form-data' })
    const tooLarge = await site.post('/subscribe', 'x'.repeat(70_000))
    const foreign = await site.post(unsubscribe, { all: '1' }, FOREIGN[0])
    for (const answer of [torn, tooLarge, foreign]) expect(answer.headers.get('cache-control')).toBe('no-store')
    expect([torn.status, tooLarge.status, foreign.status]).toEqual([400, 413, 403])
    for (const path of ['/nowhere', '/archive/none', '/assets/none.css', '/confirm/none'])
      expect(await cachingOf(path), path).toBe('no-store')
    expect(await cachingOf('/imprint', { method: 'DELETE' })).toBe('no-store')
    const dir = mkdtempSync(join(tmpdir(), 'courant-pages-'))
    mkdirSync(join(dir, 'pages'))
    writeFileSync(join(dir, 'pages', 'home.liquid'), '{{ nothing.there }}')
    const readHealth = () => Promise.reject(new Error('broken'))
    const broken = makeSite(database.db, { readHealth, config: { templatesDir: dir } })
    for (const path of ['/', '/readyz']) {
      const answer = await broken.get(path)
      expect([answer.status, answer.headers.get('cache-control')], path).toEqual([500, 'no-store'])
    }
    rmSync(dir, { recursive: true })
  })
})
