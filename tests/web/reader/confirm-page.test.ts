import { desc } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { consentRecord } from '../../../src/db/schema/subscriber.ts'
import { anew } from '../../support/anew.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { makeWorld } from '../../support/world.ts'
import { askFor, states } from '../readers.ts'
import { dump, FOREIGN, makeSite, textOf } from '../site.ts'

const { db } = await freshDatabase()
const site = await anew(() => makeSite(db))
await anew(() => makeWorld(db, 'morgen'))

describe('the confirmation page', () => {
  test('has one sentence and one button, no other link, and names newsletter and shortened address', async () => {
    const path = await askFor(site, db, 'morgen')
    const answer = await site.get(path)
    const html = await answer.text()
    const main = /<main>(.*)<\/main>/s.exec(html)?.[1] ?? ''
    expect(textOf(html)).toBe(
      'Anmeldung bestätigen Ja, ich möchte Der Morgen per E-Mail an l…@example.net bekommen. Bestätigen',
    )
    expect(main.match(/<button/g)).toHaveLength(1)
    expect(main).not.toContain('<a ')
    expect(html).not.toContain('lea@example.net')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('x-robots-tag')).toBe('noindex')
  })

  test('the button confirms, and the page says when the first edition comes, in the zone of the reader', async () => {
    const path = await askFor(site, db, 'morgen')
    expect(await states(db)).toEqual(['pending'])
    const answer = await site.post(path, {}, { 'sec-fetch-site': 'same-origin' })
    expect(answer.status).toBe(200)
    expect(await states(db)).toEqual(['active'])
    const said = textOf(await answer.text())
    expect(said).toContain('am Dienstag, 5. Mai um 7:00 Uhr (America/New_York)')
    const later = textOf(await (await site.get(`${path}?lang=en`)).text())
    expect(later).toContain('on Tuesday, 5 May at 7:00 (America/New_York)')
  })

  test('is proved by its words; pressing twice, or reloading, changes nothing more', async () => {
    const path = await askFor(site, db, 'morgen')
    const page = textOf(await (await site.get(path)).text())
    await site.post(path, {}, { 'user-agent': 'Reader/1' })
    const [proof] = await db.select().from(consentRecord).orderBy(desc(consentRecord.id)).limit(1)
    expect(proof).toMatchObject({ action: 'confirmed', ip: '192.0.2.7', userAgent: 'Reader/1' })
    expect(page).toContain(proof?.evidence?.replace(/ \[.*$/, ''))
    expect(proof?.evidence).toMatch(/\[Bestätigen\]$/)
    const before = await dump(db)
    expect((await site.post(path, {})).status).toBe(200)
    expect(await dump(db)).toEqual(before)
  })

  test('one mail confirms all newsletters it names', async () => {
    await makeWorld(db, 'abend')
    const path = await askFor(site, db, ['morgen', 'abend'])
    expect(textOf(await (await site.get(path)).text())).toContain('Der Morgen und Der Morgen')
    await site.post(path, {})
    expect(await states(db)).toEqual(['active', 'active'])
  })

  test.each(['nonsense', 'A'.repeat(43), '%00', '..%2F..'])(
    'the token %s is told as void, with a way on',
    async (token) => {
      for (const answer of [await site.get(`/confirm/${token}`), await site.post(`/confirm/${token}`, {})]) {
        expect(answer.status).toBe(404)
        expect(textOf(await answer.text())).toContain('Dieser Link gilt nicht mehr')
      }
    },
  )

  test('a form of another origin is refused', async () => {
    const path = await askFor(site, db, 'morgen')
    for (const headers of FOREIGN) {
      const answer = await site.post(path, {}, headers)
      expect(answer.status).toBe(403)
      expect(textOf(await answer.text())).toContain('nur von unserer eigenen Seite')
    }
    expect(await states(db)).toEqual(['pending'])
  })
})
