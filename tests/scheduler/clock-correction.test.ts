import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import type { Temporal } from '../../src/clock.ts'
import type { Newsletter } from '../../src/newsletters/newsletters.ts'
import type { Schedule } from '../../src/newsletters/schedule/slots.ts'
import { readLastBeat, recordBeat } from '../../src/scheduler/heartbeat.ts'
import { runMaintenance } from '../../src/scheduler/maintenance.ts'
import { planDue } from '../../src/scheduler/plan-due.ts'
import { subscribe } from '../../src/subscribers/signup/subscribe.ts'
import { handClock } from '../support/clock.ts'
import { freshDatabase } from '../support/fresh.ts'
import { addEntry, addReader, addTagblatt, readReceived, readSlots, sendAll, WORK } from './newsletter-fixtures.ts'
import { at, MONDAY, TUESDAY_SLOT, WEDNESDAY_SLOT } from './times.ts'

const { db } = await freshDatabase()
const silent = pino({ level: 'silent' })

/** A pass of a scheduler that has just been started and knows only what is in the database. */
async function tickAt(time: string | Temporal.Instant): Promise<void> {
  const clock = handClock(typeof time === 'string' ? at(time) : time)
  await runMaintenance(db, silent, clock)
  await planDue(db, WORK, clock)
  await sendAll(db)
}

/** A newsletter whose scheduler ran a minute before the clock goes wrong, with one article and a reader. */
async function open(
  schedule: Partial<Schedule> = {},
  fields: Record<string, unknown> = {},
  now = '2026-05-05T04:30:00Z',
) {
  const tagblatt = await addTagblatt(db, fields)
  const reader = await addReader(db, tagblatt, 'eva', schedule, MONDAY)
  const first = await addEntry(db, tagblatt, MONDAY)
  await tickAt(now)
  return { tagblatt, reader, first, received: () => readReceived(db, reader) }
}

const publish = (tagblatt: Newsletter, time: string) => addEntry(db, tagblatt, at(time))
const statesOf = async (frequency = 'daily', until = '2026-06-30') => {
  const slots = (await readSlots(db)).filter((one) => one.frequency === frequency && one.slot < until)
  return Object.fromEntries(slots.map(({ slot, state }) => [slot, state]))
}
const reasonsOf = async () =>
  (await db.execute<{ reason: string }>(sql`select reason from edition where state = 'missed' order by slot_at`)).rows

const AHEAD: readonly (readonly [string, Temporal.DurationLike])[] = [
  ['an hour', { minutes: 60 }],
  ['three hours', { hours: 3 }],
  ['a day', { hours: 24 }],
  ['a day and an hour', { hours: 25 }],
  ['ten days', { hours: 240 }],
  ['ten days and an hour', { hours: 241 }],
  ['years', { hours: 24 * 1000 }],
  ['years and an hour', { hours: 24 * 1000 + 1 }],
]
const flat = (lists: readonly (readonly number[])[]) => lists.flat().toSorted((a, b) => a - b)

describe('after the clock ran ahead and came back', () => {
  test.each(AHEAD)('by %s within the hour, its slot is sent with what is new', async (name, ahead) => {
    const { tagblatt, first, received } = await open({}, { graceHours: 1 })
    await tickAt(at('2026-05-05T04:31:00Z').add(ahead))
    const second = await publish(tagblatt, '2026-05-05T04:50:00Z')
    await tickAt('2026-05-05T05:10:00Z')
    await tickAt('2026-05-05T05:11:00Z')
    expect(await statesOf()).toMatchObject({ [TUESDAY_SLOT]: 'finished' })
    // Where the slot itself was sent too early it is over, and later articles wait for the next one.
    expect(flat(await received())).toEqual(name === 'an hour' ? [first] : [first, second])
    await tickAt(WEDNESDAY_SLOT)
    expect(flat(await received())).toEqual([first, second])
  })

  test.each(AHEAD)(
    'by %s, a slot whose articles went out too early is not passed over in silence',
    async (_, ahead) => {
      const { first, received } = await open()
      await tickAt(at('2026-05-05T04:31:00Z').add(ahead))
      await tickAt('2026-05-05T05:10:00Z')
      await tickAt('2026-05-05T05:11:00Z')
      expect((await statesOf())[TUESDAY_SLOT]).toMatch(/^(finished|missed)$/)
      expect(await received()).toEqual([[first]])
      const missed = (await statesOf())[TUESDAY_SLOT] === 'missed'
      if (missed) expect((await reasonsOf())[0]?.reason).toContain('The clock was ahead')
    },
  )

  test('by years for three days, each slot of these days is reported, and the last one sent', async () => {
    const { tagblatt, first, received } = await open()
    for (const time of ['2031-05-05T05:31:00Z', '2031-05-06T06:00:00Z', '2031-05-07T06:00:00Z']) await tickAt(time)
    const second = await publish(tagblatt, '2026-05-07T12:00:00Z')
    await tickAt('2026-05-08T06:00:00Z')
    expect(await statesOf()).toEqual({
      [TUESDAY_SLOT]: 'missed',
      [WEDNESDAY_SLOT]: 'missed',
      '2026-05-07T05:00:00Z': 'missed',
      '2026-05-08T05:00:00Z': 'finished',
    })
    expect(await received()).toEqual([[first], [second]])
  })

  test('before the slot, the slot is planned when it is due', async () => {
    const { tagblatt, first, received } = await open()
    await tickAt('2029-05-05T05:31:00Z')
    const second = await publish(tagblatt, '2026-05-05T04:40:00Z')
    await tickAt('2026-05-05T04:50:00Z')
    expect(await statesOf()).toEqual({})
    await tickAt(TUESDAY_SLOT)
    expect(await statesOf()).toEqual({ [TUESDAY_SLOT]: 'finished' })
    expect(await received()).toEqual([[first], [second]])
  })

  test('twice, the gap without a scheduler is still known', async () => {
    const { tagblatt, first, received } = await open()
    const jumps = ['2029-05-05T05:31:00Z', '2035-01-01T00:00:00Z', '2028-03-01T00:00:00Z']
    for (const time of jumps) await tickAt(time)
    const second = await publish(tagblatt, '2026-05-05T04:40:00Z')
    await tickAt('2026-05-05T05:10:00Z')
    expect(await statesOf()).toEqual({ [TUESDAY_SLOT]: 'finished' })
    expect(await received()).toEqual([[first], [second]])
  })

  test('a slot that was sent before is neither sent nor reported again', async () => {
    const { tagblatt, first, received } = await open()
    await tickAt(TUESDAY_SLOT)
    await tickAt('2026-05-05T05:30:00Z')
    await tickAt('2029-05-05T12:00:00Z')
    await tickAt('2026-05-05T05:40:00Z')
    const second = await publish(tagblatt, '2026-05-05T05:50:00Z')
    await tickAt('2026-05-05T05:55:00Z')
    expect(await statesOf()).toEqual({ [TUESDAY_SLOT]: 'finished' })
    await tickAt(WEDNESDAY_SLOT)
    expect(await received()).toEqual([[first], [second]])
  })

  test('a slot for which nothing was new before is not reported as missed', async () => {
    const tagblatt = await addTagblatt(db)
    const reader = await addReader(db, tagblatt, 'eva', {}, MONDAY)
    await tickAt(TUESDAY_SLOT)
    await tickAt('2026-05-05T05:01:00Z')
    const first = await publish(tagblatt, '2026-05-05T05:01:30Z')
    await tickAt('2029-05-05T05:30:00Z')
    const second = await publish(tagblatt, '2026-05-05T05:02:30Z')
    await tickAt('2026-05-05T05:03:00Z')
    expect(await statesOf()).toEqual({})
    await tickAt(WEDNESDAY_SLOT)
    expect(await readReceived(db, reader)).toEqual([[first], [second]])
  })

  test.each([
    ['weekly', { frequency: 'weekly', weekday: 2 }, TUESDAY_SLOT],
    ['weekdays', { frequency: 'weekdays' }, TUESDAY_SLOT],
    ['monthly', { frequency: 'monthly' }, '2026-06-01T05:00:00Z'],
  ] as const)('by years, a %s slot of that hour is sent', async (frequency, schedule, slot) => {
    const { tagblatt, first, received } = await open(schedule, {}, at(slot).subtract({ minutes: 30 }).toString())
    await tickAt(at(slot).add({ hours: 24 * 7 * 200, minutes: 31 }))
    const second = await publish(tagblatt, at(slot).subtract({ minutes: 10 }).toString())
    await tickAt(at(slot).add({ minutes: 10 }))
    expect(await statesOf(frequency)).toMatchObject({ [slot]: 'finished' })
    expect(flat(await received())).toEqual([first, second])
  })

  test('by years, an instant alert comes at once and not with the next window', async () => {
    const { tagblatt, received } = await open({ frequency: 'instant' })
    const before = await received()
    await tickAt('2029-05-05T05:31:00Z')
    const second = await publish(tagblatt, '2026-05-05T04:50:00Z')
    await tickAt('2026-05-05T05:11:00Z')
    expect((await received()).slice(before.length)).toEqual([[second]])
    expect(await statesOf('instant')).toMatchObject({ '2026-05-05T05:10:00Z': 'finished' })
  })

  test('a tick that was the first of all and far ahead passes over no slot since the newsletter was added', async () => {
    const tagblatt = await addTagblatt(db)
    const reader = await addReader(db, tagblatt, 'eva', {}, MONDAY)
    await tickAt('2029-05-05T04:00:00Z')
    const first = await publish(tagblatt, '2026-05-05T04:00:00Z')
    await tickAt('2026-05-06T05:10:00Z')
    expect(await statesOf()).toEqual({ [TUESDAY_SLOT]: 'missed', [WEDNESDAY_SLOT]: 'finished' })
    expect(await readReceived(db, reader)).toEqual([[first]])
  })

  test('a heartbeat in the future, of a scheduler that planned nothing, changes nothing', async () => {
    const { first, received } = await open()
    await runMaintenance(db, silent, handClock(at('2029-05-05T05:31:00Z')))
    await tickAt('2026-05-05T04:50:00Z')
    await tickAt(TUESDAY_SLOT)
    expect(await statesOf()).toEqual({ [TUESDAY_SLOT]: 'finished' })
    expect(await received()).toEqual([[first]])
    expect(await readLastBeat(db)).toEqual(at(TUESDAY_SLOT))
  })

  test('only for a worker, the scheduler whose clock is right corrects it', async () => {
    const { tagblatt, first, received } = await open()
    await planDue(db, WORK, handClock(at('2029-05-05T05:31:00Z')))
    await sendAll(db)
    const second = await publish(tagblatt, '2026-05-05T04:30:30Z')
    await tickAt('2026-05-05T04:31:00Z')
    await tickAt(TUESDAY_SLOT)
    expect(await statesOf()).toEqual({ [TUESDAY_SLOT]: 'finished' })
    expect(await received()).toEqual([[first], [second]])
  })
})

test('after the clock ran ahead by years, what was deferred until then is tried at once', async () => {
  const { tagblatt } = await open()
  const ahead = at('2029-05-05T05:31:00Z')
  await runMaintenance(db, silent, handClock(ahead))
  await planDue(db, WORK, handClock(ahead))
  const later = ahead.add({ minutes: 30 }).toString()
  await db.execute(sql`update delivery set state = 'deferred', retry_at = ${later}`)
  await db.execute(sql`update batch set due_at = ${later}, deferred = 1`)
  const schedule = { frequency: null, weekday: null, hour: null, zone: null }
  const wish = {
    newsletterId: tagblatt.id,
    name: null,
    locale: null,
    format: null,
    topics: null,
    confirmed: null,
    schedule,
  }
  const ask = (email: string, time: Temporal.Instant) => subscribe(db, { ...wish, email, by: 'reader' }, time)
  await ask('neu@leser.example', ahead)
  const now = '2026-05-05T05:10:00Z'
  await runMaintenance(db, silent, handClock(at(now)))
  const waiting = await db.execute(sql`
    select (select bool_and(retry_at <= ${now}) from delivery where state = 'deferred') as deliveries,
      (select bool_and(due_at <= ${now}) from batch where due_at is not null) as batches,
      (select bool_and(due_at <= ${now}) from notice) as notices, (select bool_and(at <= ${now}) from opt_in) as asked`)
  expect(waiting.rows).toEqual([{ deliveries: true, batches: true, notices: true, asked: true }])
})

test('gaps without a scheduler are recorded, and not kept for ever', async () => {
  await db.execute(sql`
    insert into heartbeat (name, at)
    select 'gap ' || to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.000Z'), at + interval '1 hour'
    from generate_series(${'2026-01-01T00:00:00Z'}::timestamp, ${'2026-01-01T00:00:00Z'}::timestamp + interval '1199 hours', interval '1 hour') at`)
  await db.execute(sql`insert into heartbeat (name, at) values ('scheduler', ${'2026-04-01T00:00:00Z'})`)
  await recordBeat(db, MONDAY)
  const { rows } = await db.execute(
    sql`select count(*)::integer as count, max(at) = ${MONDAY.toString()} as newest from heartbeat where name like 'gap %'`,
  )
  expect(rows).toEqual([{ count: 1001, newest: true }])
})
