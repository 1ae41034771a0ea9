import { desc, sql } from 'drizzle-orm'
import { beforeEach, describe, expect, test } from 'vitest'
import { consentRecord, subscription } from '../../../src/db/schema/subscriber.ts'
import { anew } from '../../support/anew.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { makeWorld, NOON } from '../../support/world.ts'
import { stateOf, states } from '../readers.ts'
import { dump, FOREIGN, makeSite, textOf, undoPath } from '../site.ts'

const { db } = await freshDatabase()
const site = await anew(() => makeSite(db))
const morgen = await anew(() => makeWorld(db, 'morgen'))
const abend = await anew(() => makeWorld(db, 'abend'))
/** The reader's subscriptions to two newsletters. */
let one: number
let two: number
let path: string
beforeEach(async () => {
  await db.execute(sql`update newsletter set name = 'Der Abend' where slug = 'abend'`)
  one = (await morgen.addReaders(1))[0] ?? 0
  const [reader] = await db.select({ subscriberId: subscription.subscriberId }).from(subscription)
  const other = { newsletterId: abend.newsletterId, cohortId: abend.cohortId, state: 'active' as const }
  const [made] = await db
    .insert(subscription)
    .values({ ...other, subscriberId: reader?.subscriberId ?? 0, confirmedAt: NOON, createdAt: NOON })
    .returning()
  two = made?.id ?? 0
  path = `/unsubscribe/${site.token('unsubscribe', one)}`
})

describe('the leave page', () => {
  test('asks with one sentence and one button; the button leaves this newsletter alone', async () => {
    const asked = await (await site.get(path)).text()
    expect(textOf(asked)).toBe(
      'Der Morgen abbestellen Ich möchte Der Morgen an l…@morgen.example nicht mehr bekommen. Abbestellen',
    )
    expect(await states(db)).toEqual(['active', 'active'])
    const answer = await site.post(path, {}, { 'sec-fetch-site': 'same-origin' })
    expect(answer.status).toBe(200)
    expect(textOf(await answer.text())).toContain('Wir senden Der Morgen nicht mehr an l…@morgen.example.')
    expect([await stateOf(db, one), await stateOf(db, two)]).toEqual(['unsubscribed', 'active'])
  })

  test('the page afterwards takes it back within the hour, and says when the hour is over', async () => {
    const left = await (await site.post(path, {})).text()
    const undo = undoPath(left)
    site.clock.advance({ minutes: 59 })
    expect(textOf(await (await site.get(undo)).text())).toContain('Rückgängig machen')
    expect((await site.post(undo, {}, { origin: 'https://evil.example' })).status).toBe(403)
    expect(await stateOf(db, one)).toBe('unsubscribed')
    const undone = await site.post(undo, {}, { origin: 'https://news.example.org' })
    expect(textOf(await undone.text())).toContain('Alles ist wie zuvor l…@morgen.example bekommt weiter')
    expect(await stateOf(db, one)).toBe('active')
    const again = await (await site.post(path, {})).text()
    const late = undoPath(again)
    site.clock.advance({ minutes: 61 })
    const refused = await site.post(late, {})
    expect(refused.status).toBe(404)
    expect(textOf(await refused.text())).toContain('Die Stunde ist um')
    expect(await stateOf(db, one)).toBe('unsubscribed')
    expect(await (await site.get(path)).text()).not.toContain('/undo/')
  })

  test('the page afterwards leaves all others, too, and takes all of that back', async () => {
    const left = await (await site.post(path, {})).text()
    expect(textOf(left)).toContain('An diese Adresse senden wir noch: Der Abend.')
    expect(left).toContain('<input type="hidden" name="all" value="1">')
    const all = await (await site.post(path, { all: '1' })).text()
    expect(textOf(all)).toContain('Wir senden Der Morgen und Der Abend nicht mehr')
    expect(await states(db)).toEqual(['unsubscribed', 'unsubscribed'])
    const undo = undoPath(all)
    await site.post(undo, {})
    expect(await stateOf(db, two)).toBe('active')
  })

  test('speaks English, and keeps to it', async () => {
    const asked = await (await site.get(`${path}?lang=en`)).text()
    expect(textOf(asked)).toContain('I no longer want to get Der Morgen')
    const left = await (await site.post(`${path}?lang=en`, {})).text()
    expect(textOf(left)).toContain('We no longer send Der Morgen')
    expect(left).toMatch(/action="\/undo\/[\w-]+\?lang=en"/)
  })

  test('the evidence is what the page said', async () => {
    await site.post(path, {}, { 'user-agent': 'Reader/1' })
    const [proof] = await db.select().from(consentRecord).orderBy(desc(consentRecord.id)).limit(1)
    expect(proof).toMatchObject({ action: 'unsubscribed', ip: '192.0.2.7', userAgent: 'Reader/1' })
    expect(proof?.evidence).toBe('Ich möchte Der Morgen an l…@morgen.example nicht mehr bekommen. [Abbestellen]')
  })

  test('a form of another origin is refused', async () => {
    for (const headers of FOREIGN) {
      expect((await site.post(path, {}, headers)).status).toBe(403)
      expect((await site.post(path, { all: '1' }, headers)).status).toBe(403)
    }
    expect(await states(db)).toEqual(['active', 'active'])
  })

  test.each(['nonsense', 'A'.repeat(43)])('the token %s is told as unknown', async (token) => {
    for (const answer of [await site.get(`/unsubscribe/${token}`), await site.post(`/unsubscribe/${token}`, {})]) {
      expect(answer.status).toBe(404)
      expect(textOf(await answer.text())).toContain('Diesen Link kennen wir nicht')
    }
  })
})

describe('one click (RFC 8058)', () => {
  const multipart = new FormData()
  multipart.set('List-Unsubscribe', 'One-Click')

  test.each([
    ['urlencoded', new URLSearchParams({ 'List-Unsubscribe': 'One-Click' })],
    ['multipart', multipart],
  ])('%s acts at once for this newsletter, whatever its origin: 200, no cookie, no redirect', async (_, body) => {
    const headers = { origin: 'https://mail.example', 'sec-fetch-site': 'cross-site' }
    const answer = await site.app.request(path, { method: 'POST', body, headers })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('set-cookie')).toBeNull()
    expect(answer.headers.get('location')).toBeNull()
    expect([await stateOf(db, one), await stateOf(db, two)]).toEqual(['unsubscribed', 'active'])
  })

  test('never leaves more than this newsletter, and twice does no harm', async () => {
    const click = () => site.post(path, { 'List-Unsubscribe': 'One-Click', all: '1' })
    expect((await click()).status).toBe(200)
    const before = await dump(db)
    expect((await click()).status).toBe(200)
    expect(await dump(db)).toEqual(before)
    expect(await stateOf(db, two)).toBe('active')
  })

  test('is not taken back by whoever looks at the page of the link afterwards', async () => {
    await site.post(path, { 'List-Unsubscribe': 'One-Click' })
    expect(undoPath(await (await site.get(path)).text())).toBe('')
    expect(await stateOf(db, one)).toBe('unsubscribed')
  })
})
