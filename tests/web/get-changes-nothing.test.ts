import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { makeWorld } from '../support/world.ts'
import { askFor } from './readers.ts'
import { dump, makeSite, type TestSite, undoPath } from './site.ts'

let database: TestDatabase
let site: TestSite
let paths: readonly string[]

beforeAll(async () => {
  database = await openTestDatabase()
  const world = await makeWorld(database.db, 'morgen')
  const [reader = 0, leaver = 0] = await world.addReaders(2)
  site = makeSite(database.db)
  const confirm = await askFor(site, database.db, 'morgen')
  const confirmed = await askFor(site, database.db, 'morgen', 'kim@example.net')
  await site.post(confirmed, {})
  const left = `/unsubscribe/${site.token('unsubscribe', leaver)}`
  const undo = undoPath(await (await site.post(left, {})).text())
  const unsubscribe = `/unsubscribe/${site.token('unsubscribe', reader)}`
  paths = ['/', '/subscribe', '/subscribe?newsletter=morgen', confirm, confirmed, unsubscribe, left, undo]
  paths = [...paths, `${unsubscribe}?all=1&List-Unsubscribe=One-Click`, '/imprint', '/privacy', '/archive/morgen']
  paths = [
    ...paths,
    '/archive/morgen/none',
    '/healthz',
    '/readyz',
    '/nowhere',
    '/assets/courant.css',
    '/assets/pico.css',
  ]
})
afterAll(() => database.close())

test('GET and HEAD on every link, twice and in both languages, change nothing; HEAD answers as GET without a body', async () => {
  const before = await dump(database.db)
  for (const path of paths) {
    for (const lang of ['de', 'en']) {
      const link = `${path}${path.includes('?') ? '&' : '?'}lang=${lang}`
      const got = await site.get(link)
      const head = await site.app.request(link, { method: 'HEAD' })
      expect(got.status, link).toBe(/none|nowhere/.test(link) ? 404 : 200)
      expect(head.status, link).toBe(got.status)
      expect(await head.text()).toBe('')
      expect(head.headers.get('content-type')).toBe(got.headers.get('content-type'))
      expect(got.headers.get('set-cookie')).toBeNull()
    }
  }
  expect(await dump(database.db)).toEqual(before)
  expect(site.woken).toEqual(['notice', 'notice'])
})

test('the log has one line a request, with its route, and no address, token or query', async () => {
  const logged = site.logged.join('')
  expect(logged).toContain('"route":"/unsubscribe/:token"')
  expect(logged).not.toMatch(/@|lang=|One-Click/)
  for (const path of paths.filter((one) => /^\/(confirm|unsubscribe|undo)\//.test(one))) {
    expect(logged).not.toContain(path.split(/[/?]/)[2])
  }
})
