import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { confirm, readConfirmation } from '../../../src/subscribers/confirmation/confirm.ts'
import { queueReminders } from '../../../src/subscribers/confirmation/remind.ts'
import { signLink } from '../../../src/subscribers/tokens.ts'
import { freshDatabase } from '../../support/fresh.ts'
import {
  addEntries,
  choosing,
  freshTagblatt,
  LAST_SLOT,
  moveWatermarks,
  NEXT_SLOT,
  NOON,
  readRow,
  ZWEI,
} from '../fixtures.ts'
import { askAndMail, confirmMail, confirmToken, dump, EVA, join, KEYS, leaveOne, mails, SHOWN } from '../readers.ts'

const { db } = await freshDatabase()
const tagblatt = await freshTagblatt(db)
const zwei = await freshTagblatt(db, ZWEI)

const read = (noticeId: number, now = NOON) => readConfirmation(db, KEYS, confirmToken(noticeId), now)

describe('the page of a confirmation link', () => {
  test('says all that would be confirmed, and changes nothing', async () => {
    await db.execute(
      sql`insert into topic (newsletter_id, key, name, created_at) values (2, 'sport', 'Sport', ${NOON.toString()})`,
    )
    const mail = await askAndMail(db, [tagblatt, zwei], NOON, { locale: 'en', topics: ['Sport'] })
    const before = await dump(db)

    const schedule = { frequency: 'daily', weekday: null, hour: 7, zone: 'Europe/Berlin' }
    const found = await read(mail)
    expect(found).toEqual({
      noticeId: mail,
      subscriberId: 1,
      email: EVA,
      locale: 'en',
      state: 'open',
      newsletters: [
        { subscriptionId: 1, slug: 'tagblatt', name: 'Tagblatt', schedule, topics: [], nextSlotAt: expect.anything() },
        { subscriptionId: 2, slug: 'zwei', name: 'Zwei', schedule, topics: ['Sport'], nextSlotAt: expect.anything() },
      ],
    })
    expect(found?.newsletters.map(({ nextSlotAt }) => nextSlotAt.toString())).toEqual(
      Array(2).fill(NEXT_SLOT.toString()),
    )
    expect(await read(mail)).toEqual(found)
    expect(await dump(db)).toBe(before)
  })

  test('is none for a token of another purpose, of no mail, or for any text', async () => {
    const mail = await askAndMail(db, [tagblatt])
    const tokens = [signLink(KEYS, 'unsubscribe', { id: mail, version: 1 }), confirmToken(99), '', 'x'.repeat(43)]
    for (const token of tokens) {
      expect(await readConfirmation(db, KEYS, token, NOON)).toBeNull()
      expect(await confirm(db, KEYS, token, SHOWN, NOON)).toBeNull()
    }
    expect(await readRow(db, 1)).toMatchObject({ state: 'pending' })
  })

  test('is none any more 7 days after the request, also where they asked anew', async () => {
    const mail = await askAndMail(db, [tagblatt])
    expect(await read(mail, NOON.add({ hours: 7 * 24 }))).toMatchObject({ state: 'open' })
    const late = NOON.add({ hours: 7 * 24 + 1 })
    expect(await read(mail, late)).toBeNull()
    expect(await confirmMail(db, mail, late)).toBeNull()
    expect(await readRow(db, 1)).toMatchObject({ state: 'pending' })

    const anew = await askAndMail(db, [tagblatt], NOON.add({ hours: 24 }), choosing({ frequency: 'weekly' }))
    expect(await confirmMail(db, mail, late)).toBeNull()
    expect(await confirmMail(db, anew, late)).toMatchObject({ state: 'confirmed' })
  })

  test('is none of a request that was dropped, or of a newsletter that is no more', async () => {
    const mail = await askAndMail(db, [tagblatt])
    await leaveOne(db, 1, NOON)
    expect(await read(mail)).toBeNull()
    expect(await confirmMail(db, mail, NOON)).toBeNull()
    const other = await askAndMail(db, [zwei], NOON.add({ hours: 2 }))
    await db.execute(sql`update newsletter set state = 'deleted'`)
    expect(await confirmMail(db, other, NOON.add({ hours: 2 }))).toBeNull()
    expect((await db.execute(sql`select state from subscription order by id`)).rows).toEqual([
      { state: 'unsubscribed' },
      { state: 'pending' },
    ])
  })
})

describe('confirming', () => {
  test('activates all the mail named, with the evidence of each, and a second time changes nothing', async () => {
    const mail = await askAndMail(db, [tagblatt, zwei])
    const at = NOON.add({ minutes: 5 })

    const confirmed = await confirmMail(db, mail, at)

    expect(confirmed).toMatchObject({ state: 'confirmed', newsletters: [{ slug: 'tagblatt' }, { slug: 'zwei' }] })
    const found = await db.execute(sql`
      select s.state, s.confirmed_at = ${at.toString()} as now, r.evidence, r.text_version, r.ip, r.user_agent
      from subscription s join consent_record r on r.subscription_id = s.id and r.action = 'confirmed' order by s.id`)
    const proof = { evidence: SHOWN.shown, text_version: 'v1', ip: '192.0.2.7', user_agent: 'A/1' }
    expect(found.rows).toEqual(Array(2).fill({ state: 'active', now: true, ...proof }))

    const before = await dump(db)
    expect(await confirmMail(db, mail, at.add({ hours: 500 }))).toMatchObject({ state: 'confirmed' })
    expect(await dump(db)).toBe(before)
  })

  test('activates what this mail named, not what another did', async () => {
    const first = await askAndMail(db, [tagblatt])
    const second = await askAndMail(db, [zwei], NOON.add({ hours: 1 }))
    await confirmMail(db, first, NOON.add({ hours: 1 }))
    expect(await readRow(db, 1)).toMatchObject({ state: 'active' })
    expect(await readRow(db, 2)).toMatchObject({ state: 'pending' })
    await confirmMail(db, second, NOON.add({ hours: 2 }))
    expect(await readRow(db, 2)).toMatchObject({ state: 'active' })
  })

  test('starts a reader one frequency period before their first slot, and leaves cohorts as they are', async () => {
    await addEntries(db, tagblatt, [LAST_SLOT.subtract({ hours: 1 }), LAST_SLOT, LAST_SLOT.add({ hours: 1 })])
    await moveWatermarks(db, tagblatt)
    const cohorts = async () =>
      JSON.stringify((await db.execute(sql`select to_jsonb(c) from cohort c order by id`)).rows)
    const mail = await askAndMail(db, [tagblatt])
    const before = await cohorts()

    await confirmMail(db, mail, NOON)

    expect(await readRow(db, 1)).toMatchObject({ state: 'active', own: 2, cohort: 3 })
    expect(await cohorts()).toBe(before)
  })

  test('starts at the confirmation, however long ago the request was', async () => {
    const mail = await askAndMail(db, [tagblatt], NOON, choosing({ frequency: 'instant' }))
    await addEntries(db, tagblatt, [NOON.add({ hours: 1 }), NOON.add({ hours: 40 })])
    await moveWatermarks(db, tagblatt)

    await confirmMail(db, mail, NOON.add({ hours: 41 }))

    expect(await readRow(db, 1)).toMatchObject({ own: 1, cohort: 2 })
  })

  test('of a reader who left and came back brings nothing a second time', async () => {
    await addEntries(db, tagblatt, [LAST_SLOT])
    await join(db, [tagblatt], NOON)
    await addEntries(db, tagblatt, [NOON])
    await moveWatermarks(db, tagblatt)
    await leaveOne(db, 1, NOON.add({ minutes: 1 }))
    await addEntries(db, tagblatt, [NOON.add({ hours: 1 })])
    const at = NOON.add({ hours: 2 })

    await confirmMail(db, await askAndMail(db, [tagblatt], at), at)

    // The start of a new reader would be 1, at the last slot: they had seen 2.
    expect(await readRow(db, 1)).toMatchObject({ state: 'active', own: null, cohort: 2 })
  })

  test('of a reader who was long away starts like a new one', async () => {
    await join(db, [tagblatt], NOON)
    await leaveOne(db, 1, NOON)
    const days = [1, 2, 3, 4].map((day) => NOON.add({ hours: 24 * day }))
    await addEntries(db, tagblatt, days)
    await moveWatermarks(db, tagblatt)
    const at = NOON.add({ hours: 24 * 5 })

    await confirmMail(db, await askAndMail(db, [tagblatt], at), at)

    expect(await readRow(db, 1)).toMatchObject({ own: null, cohort: 4 })
  })

  const confirmAndLeave = async (mail: number) => {
    await confirmMail(db, mail, NOON)
    await leaveOne(db, 1, NOON)
  }
  test.each([
    ['unsubscribed', confirmAndLeave],
    ['declined', () => leaveOne(db, 1, NOON)],
  ])('by the link of a request that ended does nothing where somebody asks anew: %s', async (_, end) => {
    const mail = await askAndMail(db, [tagblatt])
    await end(mail)
    const at = NOON.add({ hours: 2 })
    const anew = await askAndMail(db, [tagblatt], at)

    expect(await read(mail, at)).toBeNull()
    expect(await confirmMail(db, mail, at)).toBeNull()
    expect(await readRow(db, 1)).toMatchObject({ state: 'pending' })
    expect(await confirmMail(db, anew, at)).toMatchObject({ state: 'confirmed' })
  })

  test('by the link of a reminder does nothing either, 7 days after the request', async () => {
    await askAndMail(db, [tagblatt])
    await queueReminders(db, NOON.add({ hours: 48 }))
    const [, reminder] = await mails(db)
    await askAndMail(db, [tagblatt], NOON.add({ hours: 100 }), choosing({ frequency: 'weekly' }))
    const late = NOON.add({ hours: 7 * 24 + 1 })
    expect(reminder?.kind).toBe('reminder')
    expect(await confirmMail(db, reminder?.id ?? 0, late)).toBeNull()
  })

  test('gives a reader the choices of their own request, whatever a stranger asked for since', async () => {
    const at = NOON.add({ hours: 2 })
    const own = await askAndMail(db, [tagblatt], NOON, choosing({ frequency: 'weekly', weekday: 3, hour: 18 }))
    const strange = await askAndMail(db, [tagblatt], at, choosing({ frequency: 'instant' }))
    expect((await read(own, at))?.newsletters[0]?.schedule).toMatchObject({ frequency: 'weekly', weekday: 3, hour: 18 })
    expect((await read(strange, at))?.newsletters[0]?.schedule).toMatchObject({ frequency: 'instant' })

    await confirmMail(db, own, at)

    expect((await read(own, at))?.newsletters[0]?.schedule).toMatchObject({ frequency: 'weekly', weekday: 3, hour: 18 })
    expect(await confirmMail(db, strange, at)).toMatchObject({ newsletters: [{ schedule: { frequency: 'weekly' } }] })
  })

  test('gives a reader the choices of their own request, also where a stranger asked before', async () => {
    await db.execute(
      sql`insert into topic (newsletter_id, key, name, created_at) values (1, 'sport', 'Sport', ${NOON.toString()})`,
    )
    await askAndMail(db, [tagblatt], NOON, choosing({ frequency: 'instant', zone: 'Asia/Kolkata' }))
    const at = NOON.add({ hours: 2 })
    const said = { ...choosing({ hour: 18 }), topics: ['Sport'] }
    const own = await askAndMail(db, [tagblatt], at, said)

    const schedule = { frequency: 'daily', weekday: null, hour: 18, zone: 'Europe/Berlin' }
    expect(await confirmMail(db, own, at)).toMatchObject({ newsletters: [{ schedule, topics: ['Sport'] }] })
  })

  test('by an old link does nothing for who has left since', async () => {
    const mail = await askAndMail(db, [tagblatt])
    await confirmMail(db, mail, NOON)
    await leaveOne(db, 1, NOON)
    expect(await confirmMail(db, mail, NOON)).toBeNull()
    expect(await readRow(db, 1)).toMatchObject({ state: 'unsubscribed' })
  })
})
