import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { expireRequests } from '../../../src/subscribers/confirmation/expire.ts'
import { queueReminders } from '../../../src/subscribers/confirmation/remind.ts'
import { subscribe } from '../../../src/subscribers/signup/subscribe.ts'
import { freshDatabase } from '../../support/fresh.ts'
import {
  actions,
  addEntries,
  choosing,
  count,
  EVIDENCE,
  freshTagblatt,
  moveWatermarks,
  NOON,
  readRow,
  wish,
  ZWEI,
} from '../fixtures.ts'
import { ask, askAndMail, confirmMail, dump, join, leaveOne, mails, sendMails, suppress } from '../readers.ts'

const { db } = await freshDatabase()
const tagblatt = await freshTagblatt(db)
const zwei = await freshTagblatt(db, ZWEI)

const hours = (count: number) => NOON.add({ hours: count })
const days = (count: number) => hours(24 * count)
const reminders = async () => (await mails(db)).filter(({ kind }) => kind === 'reminder')

describe('the reminder of a request', () => {
  test('is queued once, 48 hours after it, for what is still pending', async () => {
    const mail = await askAndMail(db, [tagblatt, zwei])
    expect(await queueReminders(db, hours(47))).toBe(0)
    expect(await queueReminders(db, hours(48))).toBe(1)
    expect(await reminders()).toMatchObject([
      { state: 'queued', dueAt: '2025-01-17T12:00:00Z', subscriptionIds: [1, 2] },
    ])

    expect(await queueReminders(db, hours(48))).toBe(0)
    await sendMails(db, hours(48))
    for (const hour of [49, 96, 97, 160]) expect(await queueReminders(db, hours(hour))).toBe(0)
    expect(await confirmMail(db, mail + 1, hours(100))).toMatchObject({ state: 'confirmed' })
  })

  test('names all that is pending, 48 hours after the last of several requests', async () => {
    await askAndMail(db, [tagblatt])
    await askAndMail(db, [zwei], hours(24))
    expect(await queueReminders(db, hours(48))).toBe(0)
    expect(await queueReminders(db, hours(72))).toBe(1)
    expect(await reminders()).toMatchObject([{ subscriptionIds: [1, 2] }])
  })

  test('confirms what the last request chose', async () => {
    await askAndMail(db, [tagblatt])
    await askAndMail(db, [tagblatt], hours(2), choosing({ frequency: 'weekly', weekday: 3 }))
    await queueReminders(db, hours(50))
    const [reminder] = await reminders()
    await sendMails(db, hours(50))
    const schedule = { frequency: 'weekly', weekday: 3 }
    expect(await confirmMail(db, reminder?.id ?? 0, hours(51))).toMatchObject({ newsletters: [{ schedule }] })
  })

  test('is none for who confirmed, dropped the request, was not mailed yet, or bounced', async () => {
    await confirmMail(db, await askAndMail(db, [tagblatt]), NOON)
    await askAndMail(db, [tagblatt], NOON, { email: 'b@example.com' })
    await leaveOne(db, 2, NOON)
    await askAndMail(db, [tagblatt], NOON, { email: 'c@example.com' })
    await suppress(db, 'bounced', NOON, 'c@example.com')
    await ask(db, [tagblatt], NOON, { email: 'd@example.com' })
    expect(await queueReminders(db, hours(48))).toBe(0)
  })

  test('names only what was not confirmed', async () => {
    const mail = await askAndMail(db, [tagblatt])
    await askAndMail(db, [zwei], hours(1))
    await confirmMail(db, mail, hours(1))
    expect(await queueReminders(db, hours(49))).toBe(1)
    expect(await reminders()).toMatchObject([{ subscriptionIds: [2] }])
  })

  test('counts among the five, and waits for the limits', async () => {
    for (const hour of [0, 1, 2, 24]) await askAndMail(db, [tagblatt], hours(hour))
    expect(await queueReminders(db, hours(72))).toBe(1)
    expect(await count(db, 'opt_in')).toBe(5)
    await sendMails(db, hours(72))
    await ask(db, [tagblatt], hours(73))
    expect((await mails(db)).slice(5)).toMatchObject([{ state: 'queued', dueAt: hours(96).toString() }])
  })

  test('is none where the five are spent', async () => {
    for (const hour of [0, 1, 2, 24, 25]) await askAndMail(db, [tagblatt], hours(hour))
    expect(await queueReminders(db, hours(73))).toBe(0)
  })

  test('is queued for a limited number of readers a time', async () => {
    await askAndMail(db, [tagblatt])
    await db.execute(sql`
      insert into subscriber (email, email_key, email_hash, locale, created_at)
      select n, n, n::text::bytea, 'de', ${NOON.toString()} from generate_series(1, 600) as n`)
    await db.execute(sql`
      insert into subscription (newsletter_id, subscriber_id, state, cohort_id, created_at)
      select 1, id, 'pending', 1, ${NOON.toString()} from subscriber where id > 1`)
    await db.execute(sql`
      insert into notice (kind, subscriber_id, payload, nonce, state, due_at, created_at)
      select 'confirmation', subscriber_id, jsonb_build_object('subscriptionIds', jsonb_build_array(id)), '\\x00', 'sent',
        ${NOON.toString()}, ${NOON.toString()} from subscription where id > 1`)
    expect(await queueReminders(db, hours(48))).toBe(500)
    expect(await queueReminders(db, hours(48))).toBe(101)
  })
})

describe('a request nobody confirms', () => {
  test('goes after 7 days with all that is kept of it; only the keyed hash stays, against flooding', async () => {
    await askAndMail(db, [tagblatt, zwei], NOON, { name: 'Eva' })
    await queueReminders(db, hours(48))
    expect(await expireRequests(db, days(7))).toBe(0)

    expect(await expireRequests(db, days(7).add({ seconds: 1 }))).toBe(2)

    for (const table of ['subscriber', 'subscription', 'consent_record', 'notice'])
      expect([table, await count(db, table)]).toEqual([table, 0])
    expect(await count(db, 'opt_in')).toBe(2)
    expect(await expireRequests(db, days(8))).toBe(0)
  })

  test('lives 7 days from when it was last asked for', async () => {
    await askAndMail(db, [tagblatt])
    await askAndMail(db, [tagblatt], days(3))
    expect(await expireRequests(db, days(8))).toBe(0)
    expect(await expireRequests(db, days(11))).toBe(1)
  })

  test('leaves the rest of its reader alone', async () => {
    await join(db, [tagblatt], NOON)
    await askAndMail(db, [zwei], hours(1))

    await expireRequests(db, days(9))

    expect(await readRow(db, 1)).toMatchObject({ state: 'active' })
    expect(await count(db, 'subscription')).toBe(1)
    expect(await actions(db)).toEqual(['requested', 'confirmed'])
    expect(await mails(db)).toMatchObject([{ subscriptionIds: [1] }])
  })

  test('of a reader who had left leaves them left, with what they had seen and the proof of then', async () => {
    await join(db, [tagblatt], NOON)
    await addEntries(db, tagblatt, [NOON, NOON])
    await moveWatermarks(db, tagblatt)
    await leaveOne(db, 1, hours(1))
    const { unsubscribed_at: unsubscribedAt } =
      (await db.execute(sql`select unsubscribed_at from subscription`)).rows[0] ?? {}
    await askAndMail(db, [tagblatt], hours(2))

    expect(await expireRequests(db, days(9))).toBe(1)

    expect(await readRow(db, 1)).toMatchObject({ state: 'unsubscribed', own: 2 })
    expect((await db.execute(sql`select unsubscribed_at from subscription`)).rows).toEqual([
      { unsubscribed_at: unsubscribedAt },
    ])
    expect(await actions(db)).toEqual(['requested', 'confirmed', 'unsubscribed'])
    expect(await expireRequests(db, days(10))).toBe(0)
  })

  test('goes too where the reader dropped it', async () => {
    await askAndMail(db, [tagblatt])
    await leaveOne(db, 1, hours(1))
    expect(await expireRequests(db, days(8))).toBe(1)
    expect(await count(db, 'subscriber')).toBe(0)
    expect(await count(db, 'consent_record')).toBe(0)
  })

  test('goes too where an administrator or an import made it, but never with proof', async () => {
    await subscribe(db, wish(tagblatt, 'a@example.com'), NOON)
    await subscribe(db, wish(tagblatt, 'b@example.com', { by: 'import' }), NOON)
    await subscribe(db, wish(tagblatt, 'c@example.com', { confirmed: EVIDENCE }), NOON)
    expect(await expireRequests(db, days(8))).toBe(2)
    expect(await count(db, 'subscription')).toBe(1)
  })

  test('can be made anew, and starts like a new one', async () => {
    await askAndMail(db, [tagblatt])
    await expireRequests(db, days(8))
    await confirmMail(db, await askAndMail(db, [tagblatt], days(8)), days(8))
    expect((await db.execute(sql`select state from subscription`)).rows).toEqual([{ state: 'active' }])
  })

  test('nothing else is touched', async () => {
    await join(db, [tagblatt], NOON)
    await leaveOne(db, 1, NOON)
    await join(db, [zwei], hours(1))
    await askAndMail(db, [tagblatt], days(2), { email: 'b@example.com' })
    const before = await dump(db)
    expect(await expireRequests(db, days(8))).toBe(0)
    expect(await dump(db)).toBe(before)
  })

  test('limits are forgotten after a year', async () => {
    await askAndMail(db, [tagblatt])
    await expireRequests(db, days(364))
    expect(await count(db, 'opt_in')).toBe(1)
    await expireRequests(db, days(367))
    expect(await count(db, 'opt_in')).toBe(0)
  })
})
