import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Temporal } from '../../../src/clock.ts'
import { findFirstAllowed } from '../../../src/subscribers/confirmation/opt-in-limits.ts'
import { subscribe } from '../../../src/subscribers/signup/subscribe.ts'
import { handClock } from '../../support/clock.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { addTagblatt, choosing, count, EVIDENCE, freshTagblatt, NOON, wish } from '../fixtures.ts'
import { ask, confirmMail, EVA, join, leaveOne, mails, sendMails } from '../readers.ts'

const { db } = await freshDatabase()
const tagblatt = await freshTagblatt(db)
const at = (minutes: number) => NOON.add({ minutes })
const every = (step: number, from: number, to: number) =>
  Array.from({ length: (to - from) / step + 1 }, (_, n) => from + n * step)
const minutesOf = (instant: Temporal.Instant | null) => instant && NOON.until(instant).total('minutes')

describe('opt-in mails to one address', () => {
  test.each([
    ['the first goes at once', [], 0, 0],
    ['the second an hour after the first', [0], 10, 60],
    ['at once where the first is an hour old', [0], 60, 60],
    ['the third an hour after the second', [0, 60], 60, 120],
    ['the fourth a day after the first', [0, 60, 120], 120, 1440],
    ['the fourth an hour after the third, where the first is a day old', [0, 60, 1430], 1445, 1490],
    ['the fifth a day after the second', [0, 60, 120, 1440], 1440, 1500],
    ['in whatever order they are read', [120, 0, 60], 121, 1440],
    ['after one that waits in the future', [0, 60], 5, 120],
    ['the sixth a day after the fifth', [0, 60, 120, 1440, 1500], 1600, 2940],
    ['the seventh a day after the sixth', [0, 60, 120, 1440, 1500, 2940], 3000, 4380],
    ['at once again where the last is a day old', [0, 60, 120, 1440, 1500], 100_000, 100_000],
    ['none where it would wait for more than a day', [0, 60, 120, 1440], 50, null],
  ])('%s', (_, earlier, now, expected) => {
    expect(minutesOf(findFirstAllowed(earlier.map(at), at(now)))).toBe(expected)
  })

  test('are never two in an hour or four in a day, and after five one a day, however often they are asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 30 }), (waits) => {
        const clock = handClock(NOON)
        const sent: number[] = []
        for (const minutes of waits) {
          clock.advance({ minutes })
          const next = minutesOf(findFirstAllowed(sent.map(at), clock.now()))
          if (next !== null) sent.push(next)
        }
        const within = (end: number, minutes: number) => sent.filter((one) => one <= end && one > end - minutes).length
        for (const [n, one] of sent.entries()) if (n >= 5) expect(within(one, 24 * 60)).toBe(1)
        for (const one of sent) {
          expect(within(one, 60)).toBe(1)
          expect(within(one, 24 * 60)).toBeLessThanOrEqual(3)
        }
      }),
    )
  })
})

describe('a reader who asks again and again', () => {
  test('gets a mail an hour, three a day, after five one a day; asking meanwhile queues no other', async () => {
    // For four days: every 20 minutes while mails come of it, else every three hours.
    const often = [...every(20, 0, 180), ...every(180, 240, 1320), ...every(20, 1440, 1620), ...every(180, 1680, 5640)]
    const sentAt: number[] = []
    for (const minute of often) {
      await ask(db, [tagblatt], at(minute))
      if ((await sendMails(db, at(minute))).length > 0) sentAt.push(minute)
    }

    expect(sentAt).toEqual([0, 60, 120, 1440, 1500, 2940, 4380])
    expect(await count(db, 'opt_in')).toBe(8)
    expect(await count(db, 'subscription')).toBe(1)
  })

  test('is told at the first minute the limits allow', async () => {
    await ask(db, [tagblatt], NOON)
    await sendMails(db, NOON)
    await ask(db, [tagblatt], at(10))

    expect((await mails(db)).map(({ state, dueAt }) => [state, dueAt])).toEqual([
      ['sent', '2025-01-15T12:00:00Z'],
      ['queued', '2025-01-15T13:00:00Z'],
    ])
  })

  test('has the limits for the address, however it is written and for whatever newsletter', async () => {
    const other = await addTagblatt(db, { slug: 'zwei' })
    await ask(db, [tagblatt], NOON)
    await sendMails(db, NOON)
    await ask(db, [other], at(1), { email: 'EVA@Example.com' })

    expect((await mails(db))[1]).toMatchObject({ dueAt: '2025-01-15T13:00:00Z', subscriptionIds: [2] })
  })

  test('begins anew by confirming', async () => {
    await join(db, [tagblatt], NOON)
    expect(await count(db, 'opt_in')).toBe(0)
    await leaveOne(db, 1, NOON)

    await ask(db, [tagblatt], NOON)

    expect((await mails(db))[1]).toMatchObject({ state: 'queued', dueAt: '2025-01-15T12:00:00Z' })
  })

  test('does not lengthen the limits by asking while a mail waits', async () => {
    const other = await addTagblatt(db, { slug: 'zwei' })
    await ask(db, [tagblatt], NOON)
    await ask(db, [other], at(1))
    await ask(db, [tagblatt, other], at(2))

    expect(await mails(db)).toMatchObject([{ subscriptionIds: [1, 2], dueAt: '2025-01-15T12:00:00Z' }])
    expect(await count(db, 'opt_in')).toBe(1)
  })

  test('whose mails of a day are spent can still confirm with the last', async () => {
    for (const hours of [0, 1, 2, 24, 25, 26, 27]) {
      await ask(db, [tagblatt], NOON.add({ hours }))
      await sendMails(db, NOON.add({ hours }))
    }
    expect((await mails(db)).filter(({ state }) => state === 'sent')).toHaveLength(5)

    expect(await confirmMail(db, 5, NOON.add({ hours: 28 }))).toMatchObject({ state: 'confirmed', email: EVA })
    const kept = await db.execute(sql`select count(*) as rows from consent_record where action = 'requested'`)
    expect(kept.rows).toEqual([{ rows: 6 }])
  })
})

describe('a stranger who sends the form with the address of another again and again', () => {
  const strange = choosing({ frequency: 'instant' })
  /** Two days of it, every half hour, with ever other choices. */
  const flood = async () => {
    for (const minute of every(30, 0, 2880)) {
      await ask(db, [tagblatt], at(minute), choosing({ frequency: 'weekly', hour: (minute / 30) % 24 }))
      await sendMails(db, at(minute))
    }
  }

  test('locks its owner out for no longer than a day, and puts nothing off for days', async () => {
    await flood()
    const waiting = (await mails(db)).filter(({ state }) => state === 'queued')
    expect(waiting.length).toBeLessThanOrEqual(2)

    await sendMails(db, at(2880 + 1440))
    const before = (await mails(db)).length
    await ask(db, [tagblatt], at(2880 + 1441), strange)
    const own = (await mails(db)).slice(before)
    expect(own).toHaveLength(1)
    await sendMails(db, at(2880 + 2 * 1440))
    const schedule = { frequency: 'instant' }
    expect(await confirmMail(db, own[0]?.id ?? 0, at(2880 + 2 * 1440))).toMatchObject({ newsletters: [{ schedule }] })
  })

  test('does not keep an administrator from asking the owner at once, nor from adding who has given proof', async () => {
    await flood()
    const settled = await subscribe(db, wish(tagblatt, EVA), at(2881))
    expect(settled.kind).toBe('pending')
    expect((await mails(db)).at(-1)).toMatchObject({ state: 'queued', dueAt: at(2881).toString() })
    const proven = await subscribe(db, wish(tagblatt, EVA, { confirmed: EVIDENCE }), at(2882))
    expect(proven.kind).toBe('added')
  })

  test('keeps no subscription out of a mail that waits for its hour', async () => {
    const other = await addTagblatt(db, { slug: 'zwei' })
    await flood()
    await ask(db, [other], at(2881))
    expect((await mails(db)).at(-1)).toMatchObject({ state: 'queued', subscriptionIds: [1, 2] })
  })
})
