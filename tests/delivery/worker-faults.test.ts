import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { sendDue, sendEdition } from '../../src/delivery/worker.ts'
import { countDeliveries } from '../../src/editions/reports/counts.ts'
import { fastClock, handClock } from '../support/clock.ts'
import { freshDatabase, freshSinks } from '../support/fresh.ts'
import { hookStatements } from '../support/hooked.ts'
import { planByHand } from '../support/planned.ts'
import { senderTo } from '../support/sender.ts'
import { makeWorld, NOON } from '../support/world.ts'

const { db, pool } = await freshDatabase()
const sink = freshSinks()

async function plan(readers: number) {
  const world = await makeWorld(db)
  await world.addReaders(readers)
  await world.addArticles(2)
  return { world, edition: await planByHand(db, world) }
}

/** The next so many runs of a statement fail as if the connection was lost; after it has taken effect, with `after`. */
function failing(pattern: RegExp, times: number, when: 'before' | 'after' = 'before') {
  let left = times
  return hookStatements(pool, async (text, run) => {
    if (!pattern.test(text) || left === 0) return run()
    left -= 1
    if (when === 'after') await run()
    throw Object.assign(new Error('terminating connection'), { code: '57P01' })
  })
}

const rows = async (query: ReturnType<typeof sql>) => (await db.execute(query)).rows
const editionState = () => rows(sql`select state, reason from edition`)

describe('an edition', () => {
  test('is not held because connections are lost while a variant is read: it is read again', async () => {
    const { edition } = await plan(4)
    const smtp = await sink()
    const sender = await senderTo(`${smtp.url}?connections=2`)
    await sendEdition(failing(/from "variant"/, 6), sender, edition, fastClock(NOON, 20))
    expect(smtp.messages).toHaveLength(4)
    expect(await editionState()).toEqual([{ state: 'finished', reason: null }])
  })

  test('is not held where the database is away for longer: it goes on with the next sending', async () => {
    const { edition } = await plan(4)
    const smtp = await sink()
    const sender = await senderTo(`${smtp.url}?connections=2`)
    const sending = sendEdition(failing(/from "variant"/, 10_000), sender, edition, fastClock(NOON, 100))
    await expect(sending).rejects.toThrow()
    expect(await editionState()).toEqual([{ state: 'sending', reason: null }])
    expect(await rows(sql`select distinct state, attempts, ambiguous from delivery`)).toEqual([
      { state: 'queued', attempts: 0, ambiguous: false },
    ])
    await sendEdition(db, sender, edition, fastClock(NOON.add({ hours: 1 }), 20))
    expect(smtp.messages).toHaveLength(4)
  })
})

describe('a stop', () => {
  test('flags no message as possibly sent whose end was not sent, and its reader is in the next plan', async () => {
    const { world, edition } = await plan(4)
    const smtp = await sink()
    const sender = await senderTo(`${smtp.url}?connections=2`)
    const stopping = new AbortController()
    // Both connections have begun one more when it comes: their batches have nothing else due.
    const stopped = hookStatements(pool, async (text, run) => {
      const answer = await run()
      if (text.includes('prepared account')) stopping.abort()
      return answer
    })
    await sendDue(stopped, sender, edition, handClock(NOON), { signal: stopping.signal })
    const sent = smtp.messages.length
    expect(sent).toBeLessThan(4)
    expect(await rows(sql`select count(*) as n from delivery where ambiguous`)).toEqual([{ n: 0 }])
    expect(await rows(sql`select distinct attempts from delivery where state = 'queued'`)).toEqual([{ attempts: 0 }])
    await world.addArticles(1)
    const next = await planByHand(db, world)
    expect(await countDeliveries(db, next)).toMatchObject({ planned: 4 })
  })
})

describe('a lease', () => {
  test('whose answer was lost runs out by itself, and its deliveries are sent then', async () => {
    const { edition } = await plan(4)
    const smtp = await sink()
    const sender = await senderTo(`${smtp.url}?connections=2`)
    await sendEdition(failing(/skip locked/, 1, 'after'), sender, edition, fastClock(NOON, 40))
    expect(new Set(smtp.messages.map(({ to }) => to)).size).toBe(4)
    expect(smtp.messages).toHaveLength(4)
    expect(await countDeliveries(db, edition)).toMatchObject({ sent: 4 })
  })

  test('under which a claim was lost on its way back is given back with what it claimed, as never tried', async () => {
    const { edition } = await plan(4)
    const smtp = await sink()
    const sender = await senderTo(`${smtp.url}?connections=2`)
    await sendEdition(failing(/prepared claim/, 1, 'after'), sender, edition, fastClock(NOON, 20))
    expect(smtp.messages).toHaveLength(4)
    expect(await rows(sql`select distinct state, attempts, ambiguous from delivery`)).toEqual([
      { state: 'sent', attempts: 1, ambiguous: false },
    ])
  })
})
