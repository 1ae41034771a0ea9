import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { afterEach, describe, expect, test } from 'vitest'
import { type Sender, sendEdition } from '../../src/delivery/worker.ts'
import { countDeliveries } from '../../src/editions/reports/counts.ts'
import { fastClock } from '../support/clock.ts'
import { freshDatabase, freshSinks } from '../support/fresh.ts'
import { type Delay, farAway } from '../support/hooked.ts'
import { planByHand } from '../support/planned.ts'
import { senderTo } from '../support/sender.ts'
import { makeWorld, NOON } from '../support/world.ts'

const { db, pool } = await freshDatabase()
const sink = freshSinks()
/** Two seconds of a database are 50 ms of the machine. */
const PACE = 40
const TWO_SECONDS = 2000 / PACE

let delay: Delay = { thereMs: 0, backMs: 0 }
const far = farAway(pool, () => delay)
afterEach(() => {
  delay = { thereMs: 0, backMs: 0 }
})

async function plan(readers: number): Promise<number> {
  const world = await makeWorld(db)
  await world.addReaders(readers)
  await world.addArticles(2)
  return planByHand(db, world)
}

async function logging(url: string): Promise<{ sender: Sender; events: () => readonly unknown[] }> {
  const lines: string[] = []
  const log = pino({ base: null }, { write: (line: string) => void lines.push(line) })
  return { sender: { ...(await senderTo(url)), log }, events: () => lines.map((line) => JSON.parse(line).msg) }
}

describe.each([
  ['asked late', { thereMs: TWO_SECONDS, backMs: 0 }],
  ['heard late', { thereMs: 0, backMs: TWO_SECONDS }],
])('a database that takes two seconds to answer, %s', (_, slow) => {
  test('slows the sending down, is logged once, and does not stop it', async () => {
    const edition = await plan(5)
    const smtp = await sink()
    const { sender, events } = await logging(`${smtp.url}?connections=3`)
    delay = slow
    await sendEdition(far, sender, edition, fastClock(NOON, PACE))
    expect(new Set(smtp.messages.map(({ to }) => to)).size).toBe(5)
    expect(smtp.messages).toHaveLength(5)
    expect(await countDeliveries(db, edition)).toMatchObject({ sent: 5, planned: 5 })
    expect(events().filter((event) => event === 'database.slow')).toHaveLength(1)
  })

  test('lets no mail go to a reader who unsubscribed before it was ended', async () => {
    const edition = await plan(6)
    const smtp = await sink()
    const { sender } = await logging(`${smtp.url}?connections=1`)
    delay = slow
    const sending = sendEdition(far, sender, edition, fastClock(NOON, PACE))
    await smtp.received(1)
    // The second is begun, and claimed as one who may be mailed; this waits for whoever is just being mailed.
    const left = await db.execute<{ email: string }>(sql`
      update subscription s set state = 'unsubscribed' from subscriber p where p.id = s.subscriber_id
        and s.id in (select subscription_id from delivery where seq > 2)
      returning p.email`)
    const before = smtp.messages.map(({ to }) => to)
    await sending
    const since = smtp.messages.map(({ to }) => to).filter((to) => !before.includes(to))
    expect(left.rows).toHaveLength(4)
    expect(since.filter((to) => left.rows.some(({ email }) => email === to))).toEqual([])
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: 6 })
  })
})

test('a database that is slow for a while is asked as before once it is quick again', async () => {
  const edition = await plan(40)
  const smtp = await sink()
  const { sender, events } = await logging(`${smtp.url}?connections=4`)
  delay = { thereMs: TWO_SECONDS, backMs: 0 }
  const sending = sendEdition(far, sender, edition, fastClock(NOON, PACE))
  await smtp.received(4)
  delay = { thereMs: 0, backMs: 0 }
  await sending
  expect(smtp.messages).toHaveLength(40)
  expect(events()).toContain('database.slow_answers')
})
