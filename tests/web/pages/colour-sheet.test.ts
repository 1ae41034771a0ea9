import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newsletter } from '../../../src/db/schema/newsletter.ts'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'
import { makeWorld } from '../../support/world.ts'
import { makeSite, type TestSite } from '../site.ts'

let database: TestDatabase
let site: TestSite

beforeAll(async () => {
  database = await openTestDatabase()
  await makeWorld(database.db, 'morgen')
  site = makeSite(database.db)
})
afterAll(() => database.close())

/** The sheet with colours that the page at `path` asks for. */
async function sheetOf(path: string): Promise<{ readonly href: string; readonly css: string }> {
  const html = await (await site.get(path)).text()
  const href = /href="([^"]*\/assets\/accent\/[^"]*)"/.exec(html)?.[1] ?? ''
  const answer = await site.get(href)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8'])
  return { href, css: await answer.text() }
}

describe('the colours of pages', () => {
  test('are a newsletter’s accent, and our headlines where it sets no colour for them', async () => {
    const { href, css } = await sheetOf('/archive/morgen')
    expect(href).toBe('/assets/accent/1a5276.css')
    expect(css).toMatch(/--accent:#1a5276;--on-accent:#fdfdfb;--headline:#22262a\}.*dark.*--headline:#e4e4e0\}/)
  })

  test('of pages of no newsletter are ours', async () => {
    const { href, css } = await sheetOf('/archive/none')
    expect(href).toBe('/assets/accent/none.css')
    expect(css).toContain('--headline:#22262a')
    expect(css).not.toContain('--accent')
  })

  test('have the newsletter’s own colour of headlines, readable on the dark ground too', async () => {
    await database.db.update(newsletter).set({ headlineColour: '#1E4620' })
    const { href, css } = await sheetOf('/archive/morgen')
    expect(href).toBe('/assets/accent/1a5276-1e4620.css')
    expect(css).toMatch(/--headline:#1e4620\}.*dark.*--headline:#(?!1e4620)[0-9a-f]{6}\}/)
  })
})
