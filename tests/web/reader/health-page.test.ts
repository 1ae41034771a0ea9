import { afterAll, expect, test } from 'vitest'
import { openTestDatabase } from '../../support/database.ts'
import { makeSite } from '../site.ts'

const database = await openTestDatabase()
afterAll(() => database.close())

test('many who ask for /readyz at once share one look at the database, and who asks later gets another', async () => {
  let looks = 0
  const answers = [
    { ready: true, reasons: [] },
    { ready: false, reasons: ['The disk is full.'] },
  ]
  const readHealth = async () => answers[looks++] ?? { ready: true, reasons: [] }
  const site = makeSite(database.db, { readHealth })
  const all = await Promise.all(Array.from({ length: 30 }, () => site.get('/readyz')))
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]))
  expect(looks).toBe(1)
  const later = await site.get('/readyz')
  expect([later.status, await later.json()]).toEqual([503, answers[1]])
})

test('a look that fails is not kept', async () => {
  let looks = 0
  const readHealth = async () => {
    looks += 1
    if (looks === 1) throw new Error('fails')
    return { ready: true, reasons: [] }
  }
  const site = makeSite(database.db, { readHealth })
  expect((await site.get('/readyz')).status).toBe(500)
  expect((await site.get('/readyz')).status).toBe(200)
})
