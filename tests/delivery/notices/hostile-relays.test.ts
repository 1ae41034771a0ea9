import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { notice, subscriber, subscription } from '../../../src/db/schema/subscriber.ts'
import { sendNotices } from '../../../src/delivery/notices/send-notices.ts'
import { handClock } from '../../support/clock.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { makeWorld, NOON } from '../../support/world.ts'
import { startScriptedRelay } from '../hostile-sending.ts'

const { db } = await freshDatabase()

async function askToConfirm(): Promise<void> {
  const { newsletterId, cohortId } = await makeWorld(db)
  const email = 'neu@leser.example'
  const address = { email, emailKey: email, emailHash: randomBytes(32) }
  const [reader] = await db
    .insert(subscriber)
    .values({ ...address, locale: 'de', createdAt: NOON })
    .returning({ id: subscriber.id })
  const subscriberId = reader?.id ?? 0
  const asked = await db
    .insert(subscription)
    .values({ newsletterId, cohortId, subscriberId, state: 'pending', createdAt: NOON })
    .returning({ id: subscription.id })
  const payload = { subscriptionIds: asked.map(({ id }) => id) }
  const times = { dueAt: NOON, createdAt: NOON }
  await db.insert(notice).values({ kind: 'confirmation', subscriberId, payload, nonce: randomBytes(16), ...times })
}

test.each([
  ['neither TLS nor a login', {}],
  ['a login and no TLS', { offers: ['AUTH PLAIN'] }],
  [
    'TLS that it then refuses',
    { offers: ['STARTTLS', 'AUTH PLAIN'], answers: { STARTTLS: ['454 4.7.0 not now\r\n'] } },
  ],
])('a notice stays due, and no password is sent, where TLS is required and the relay offers %s', async (_, script) => {
  await askToConfirm()
  const { relay, sender } = await startScriptedRelay(script, { login: 'user:secret@', options: '&tls=require' })
  expect(await sendNotices(db, sender, handClock(NOON))).toBe(0)
  expect(relay.lines.join()).not.toMatch(/AUTH|MAIL/)
  const { rows } = await db.execute(sql`select state, attempts, ambiguous from notice`)
  expect(rows).toEqual([{ state: 'queued', attempts: 0, ambiguous: false }])
})

test.each([
  ['421 4.3.2 shutting down', 0],
  ['450 4.2.0 Greylisted', 1],
  ['501 Invalid MAIL FROM address provided', 1],
])('a notice whose relay replies %s waits, and is tried once for that', async (reply, attempts) => {
  await askToConfirm()
  const { relay, sender } = await startScriptedRelay({ answers: { MAIL: [`${reply}\r\n`] } })
  expect(await sendNotices(db, sender, handClock(NOON))).toBe(0)
  expect(relay.lines.filter((line) => line.startsWith('MAIL'))).toHaveLength(1)
  const { rows } = await db.execute(sql`select state, attempts, due_at > ${NOON.toString()} as waits from notice`)
  expect(rows).toEqual([{ state: 'queued', attempts, waits: true }])
  expect(await sendNotices(db, (await startScriptedRelay()).sender, handClock(NOON.add({ minutes: 10 })))).toBe(1)
})
