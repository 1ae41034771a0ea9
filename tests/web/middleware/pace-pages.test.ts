import { expect, test } from 'vitest'
import { freshDatabase } from '../../support/fresh.ts'
import { makeWorld } from '../../support/world.ts'
import { makeSite } from '../site.ts'

const { db } = await freshDatabase()

test('of more pages at once than a second allows some are refused with when to come again, and nothing else is', async () => {
  const world = await makeWorld(db)
  const [reader = 0] = await world.addReaders(1)
  const site = makeSite(db, { sendsToo: true })
  // The clock stands still, so that no turn comes while they are asked for.
  const asked = await Promise.all(Array.from({ length: 400 }, () => site.get('/imprint')))
  const refused = asked.filter(({ status }) => status === 503)
  expect(asked.length - refused.length).toBe(316)
  expect(refused.map(({ headers }) => headers.get('retry-after'))).toEqual(refused.map(() => '5'))
  expect((await site.get('/healthz')).status).toBe(200)
  expect((await site.get('/assets/pico.css')).status).toBe(200)
  expect(
    (await site.post(`/unsubscribe/${site.token('unsubscribe', reader)}`, { 'List-Unsubscribe': 'One-Click' })).status,
  ).toBe(200)
  site.clock.advance({ seconds: 5 })
  expect((await site.get('/imprint')).status).toBe(200)
})

test('a process that only has pages refuses none of them', async () => {
  const site = makeSite(db)
  const asked = await Promise.all(Array.from({ length: 320 }, () => site.get('/imprint')))
  expect(new Set(asked.map(({ status }) => status))).toEqual(new Set([200]))
})
