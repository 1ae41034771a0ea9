import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import type { Temporal } from '../../src/clock.ts'
import { planDue } from '../../src/scheduler/plan-due.ts'
import { handClock } from '../support/clock.ts'
import { freshDatabase } from '../support/fresh.ts'
import {
  addEntry,
  addEva,
  addReader,
  addTagblatt,
  readReceived,
  readSlots,
  sendAll,
  WORK,
} from './newsletter-fixtures.ts'
import { at, MONDAY, TUESDAY_SLOT, WEDNESDAY_SLOT } from './times.ts'

const { db } = await freshDatabase()

const planAt = (now: string | Temporal.Instant) => planDue(db, WORK, handClock(at(String(now))))
const dueTimes = async () => {
  const rows = await db.execute<{ due: string }>(
    sql`select distinct to_json(next_due_at at time zone 'UTC')#>>'{}' || 'Z' as due from cohort order by 1`,
  )
  return rows.rows.map((row) => row.due)
}

describe('a slot', () => {
  test('is planned once when it is due, and its cohorts are due again at the next', async () => {
    const { reader, entry } = await addEva(db)
    expect(await planAt('2026-05-05T04:59:59.999Z')).toEqual({ planned: [], missed: [], waiting: [] })

    const { planned } = await planAt(TUESDAY_SLOT)
    expect(planned).toMatchObject([
      { newsletter: 'tagblatt', frequency: 'daily', slotAt: at(TUESDAY_SLOT), planned: 1 },
    ])
    expect(await readReceived(db, reader)).toEqual([[entry]])
    expect(await dueTimes()).toEqual([WEDNESDAY_SLOT])
    expect((await planAt('2026-05-05T05:01:00Z')).planned).toEqual([])
    expect(await readSlots(db)).toEqual([{ frequency: 'daily', slot: TUESDAY_SLOT, state: 'sending', readers: 1 }])
  })

  test('without anything new has no edition, and its cohorts move past it', async () => {
    const tagblatt = await addTagblatt(db)
    await addReader(db, tagblatt, 'eva', {}, MONDAY)
    expect((await planAt(TUESDAY_SLOT)).planned).toEqual([])
    expect(await readSlots(db)).toEqual([])
    expect(await dueTimes()).toEqual([WEDNESDAY_SLOT])
  })

  test('is shared by cohorts of several zones and hours whose slot is the same instant', async () => {
    const tagblatt = await addTagblatt(db)
    const readers = [
      await addReader(db, tagblatt, 'eva', {}, MONDAY),
      await addReader(db, tagblatt, 'asha', { zone: 'Asia/Kolkata', hour: 10 }, MONDAY),
      await addReader(db, tagblatt, 'tom', { zone: 'Etc/UTC', hour: 5 }, MONDAY),
      await addReader(db, tagblatt, 'kiri', { zone: 'Pacific/Kiritimati', hour: 19 }, MONDAY),
    ]
    const entry = await addEntry(db, tagblatt, MONDAY)
    await planAt(TUESDAY_SLOT)
    // Ten o'clock in Kolkata is half past four.
    expect((await readSlots(db)).map(({ slot, readers }) => [slot, readers])).toEqual([
      ['2026-05-05T04:30:00Z', 1],
      [TUESDAY_SLOT, 3],
    ])
    for (const reader of readers) expect(await readReceived(db, reader)).toEqual([[entry]])
  })

  test('of another frequency is an edition of its own', async () => {
    const tagblatt = await addTagblatt(db)
    await addReader(db, tagblatt, 'eva', {}, MONDAY)
    await addReader(db, tagblatt, 'tom', { frequency: 'weekdays' }, MONDAY)
    await addEntry(db, tagblatt, MONDAY)
    await planAt(TUESDAY_SLOT)
    expect((await readSlots(db)).map(({ frequency, readers }) => [frequency, readers])).toEqual([
      ['daily', 1],
      ['weekdays', 1],
    ])
  })

  test('has a home edition even without readers; other cohorts without readers only move past it', async () => {
    const tagblatt = await addTagblatt(db)
    await addEntry(db, tagblatt, MONDAY)
    await db.execute(sql`
      insert into cohort (newsletter_id, frequency, hour, zone, next_due_at)
      values (${tagblatt.id}, 'daily', 5, 'Etc/UTC', ${TUESDAY_SLOT}), (${tagblatt.id}, 'weekdays', 5, 'Etc/UTC', ${TUESDAY_SLOT})`)
    await planAt(TUESDAY_SLOT)
    const editions = await db.execute(sql`select frequency, home, state from edition`)
    expect(editions.rows).toEqual([{ frequency: 'daily', home: true, state: 'finished' }])
    const cohorts = await db.execute(
      sql`select seen_entry_id as seen, next_due_at > ${TUESDAY_SLOT} as later from cohort`,
    )
    expect(cohorts.rows).toEqual(Array.from({ length: 3 }, () => ({ seen: 1, later: true })))
  })

  test('with fewer articles than the newsletter’s least number waits for the next, and nothing is lost', async () => {
    const { tagblatt, reader, entry: first } = await addEva(db, { minArticles: 2 })
    await planAt(TUESDAY_SLOT)
    expect(await readReceived(db, reader)).toEqual([])
    const second = await addEntry(db, tagblatt, MONDAY.add({ hours: 20 }))
    await planAt(WEDNESDAY_SLOT)
    expect(await readReceived(db, reader)).toEqual([[second, first]])
  })

  test('includes readers who are behind their cohort even when nothing is new to the cohort', async () => {
    const { reader, entry } = await addEva(db)
    await db.execute(sql`update cohort set seen_entry_id = ${entry}`)
    await db.execute(sql`update subscription set seen_entry_id = 0 where id = ${reader}`)
    await planAt(TUESDAY_SLOT)
    expect(await readReceived(db, reader)).toEqual([[entry]])
  })
})

describe('an outage', () => {
  test('of 5 hours over a slot delays it, and it is planned once', async () => {
    const { reader, entry } = await addEva(db)
    await planAt('2026-05-05T10:00:00Z')
    await planAt('2026-05-05T10:01:00Z')
    expect(await readSlots(db)).toEqual([{ frequency: 'daily', slot: TUESDAY_SLOT, state: 'sending', readers: 1 }])
    expect(await readReceived(db, reader)).toEqual([[entry]])
    expect(await dueTimes()).toEqual([WEDNESDAY_SLOT])
  })

  test('of 7 hours makes the slot missed, and its articles come with the next', async () => {
    const { tagblatt, reader, entry: first } = await addEva(db)
    const { planned, missed } = await planAt('2026-05-05T12:00:00Z')
    expect(planned).toEqual([])
    expect(missed).toMatchObject([{ newsletter: 'tagblatt', slotAt: at(TUESDAY_SLOT) }])
    expect(missed[0]?.reason).toContain('within 6 hours')
    const second = await addEntry(db, tagblatt, at('2026-05-05T13:00:00Z'))
    await planAt(WEDNESDAY_SLOT)
    expect(await readSlots(db)).toEqual([
      { frequency: 'daily', slot: TUESDAY_SLOT, state: 'missed', readers: 0 },
      { frequency: 'daily', slot: WEDNESDAY_SLOT, state: 'sending', readers: 1 },
    ])
    expect(await readReceived(db, reader)).toEqual([[second, first]])
  })

  test('of 3 days makes each slot missed but the one that is still in time', async () => {
    const tagblatt = await addTagblatt(db)
    const reader = await addReader(db, tagblatt, 'eva', {}, MONDAY)
    const entries = [await addEntry(db, tagblatt, MONDAY), await addEntry(db, tagblatt, MONDAY.add({ hours: 40 }))]
    const { missed, planned } = await planAt('2026-05-08T06:00:00Z')
    expect(missed.map(({ slotAt }) => `${slotAt}`)).toEqual(['2026-05-07T05:00:00Z', WEDNESDAY_SLOT, TUESDAY_SLOT])
    expect(planned).toMatchObject([{ slotAt: at('2026-05-08T05:00:00Z'), planned: 1 }])
    expect(await readReceived(db, reader)).toEqual([entries.reverse()])
  })

  test('of 3 days without an article makes nothing missed', async () => {
    const tagblatt = await addTagblatt(db)
    await addReader(db, tagblatt, 'eva', {}, MONDAY)
    expect((await planAt('2026-05-08T06:00:00Z')).missed).toEqual([])
    expect(await dueTimes()).toEqual(['2026-05-09T05:00:00Z'])
  })

  test('may be longer or shorter before a slot is missed, by the newsletter’s grace', async () => {
    const patient = await addTagblatt(db)
    const strict = await addTagblatt(db, { slug: 'eilblatt' })
    await db.execute(sql`update newsletter set grace_hours = case when id = ${patient.id} then 12 else 0 end`)
    for (const newsletter of [patient, strict]) {
      await addReader(db, newsletter, 'eva', {}, MONDAY)
      await addEntry(db, newsletter, MONDAY)
    }
    const { planned, missed } = await planAt('2026-05-05T17:00:00Z')
    expect(planned.map(({ newsletter }) => newsletter)).toEqual(['tagblatt'])
    expect(missed.map(({ newsletter }) => newsletter)).toEqual(['eilblatt'])
    await addEntry(db, strict, MONDAY)
    expect((await planAt('2026-05-06T05:02:00Z')).planned.map(({ newsletter }) => newsletter)).toContain('eilblatt')
  })

  test('of a whole day makes one window of instant alerts missed, and alerts once', async () => {
    const tagblatt = await addTagblatt(db)
    const reader = await addReader(db, tagblatt, 'eva', { frequency: 'instant' }, MONDAY)
    await addEntry(db, tagblatt, MONDAY.subtract({ hours: 1 }))
    await planAt('2026-05-04T12:05:30Z')
    await sendAll(db)
    const late = await addEntry(db, tagblatt, MONDAY.add({ hours: 2 }))
    await planAt('2026-05-05T12:07:00Z')
    expect((await readSlots(db)).filter(({ frequency }) => frequency === 'instant')).toMatchObject([
      { slot: '2026-05-04T12:05:00Z', readers: 1 },
      { slot: '2026-05-04T12:10:00Z', state: 'missed' },
      { slot: '2026-05-05T12:05:00Z', readers: 1 },
    ])
    expect((await readReceived(db, reader)).at(-1)).toEqual([late])
  })
})

describe('a newsletter', () => {
  test('that is paused is not planned; once resumed, its slot is planned within the grace and missed after it', async () => {
    const { tagblatt, reader, entry: first } = await addEva(db)
    await db.execute(sql`update newsletter set state = 'paused'`)
    expect(await planAt(TUESDAY_SLOT)).toEqual({ planned: [], missed: [], waiting: [] })
    await db.execute(sql`update newsletter set state = 'active'`)
    expect((await planAt('2026-05-05T09:00:00Z')).planned).toHaveLength(1)
    await sendAll(db)
    const second = await addEntry(db, tagblatt, at('2026-05-05T10:00:00Z'))
    await db.execute(sql`update newsletter set state = 'paused'`)
    await planAt(WEDNESDAY_SLOT)
    await db.execute(sql`update newsletter set state = 'active'`)
    expect((await planAt('2026-05-06T20:00:00Z')).missed).toHaveLength(1)
    await planAt('2026-05-07T05:00:00Z')
    expect(await readReceived(db, reader)).toEqual([[first], [second]])
  })

  test('without an imprint is blocked with that reason, and its slot is missed for that reason', async () => {
    const { tagblatt } = await addEva(db, { imprint: '' })
    const { planned, waiting } = await planAt(TUESDAY_SLOT)
    expect(planned).toEqual([])
    expect(waiting).toMatchObject([{ newsletter: 'tagblatt', reason: expect.stringContaining('imprint') }])
    await db.execute(sql`update newsletter set imprint = 'Verlag Beispiel'`)
    expect((await planAt('2026-05-05T05:10:00Z')).planned).toHaveLength(1)

    await sendAll(db)
    await addEntry(db, tagblatt, at('2026-05-05T10:00:00Z'))
    await db.execute(sql`update newsletter set imprint = null`)
    const { missed } = await planAt('2026-05-06T12:00:00Z')
    expect(missed).toMatchObject([{ slotAt: at(WEDNESDAY_SLOT), reason: expect.stringContaining('imprint') }])
    const rows = await db.execute(sql`select reason from edition where state = 'missed'`)
    expect(rows.rows).toEqual([{ reason: missed[0]?.reason }])
  })

  test('planned by hand a moment before its slot has nothing left for it', async () => {
    const { reader, entry } = await addEva(db)
    await db.execute(sql`update cohort set seen_entry_id = ${entry}`)
    expect((await planAt(TUESDAY_SLOT)).planned).toEqual([])
    expect(await readReceived(db, reader)).toEqual([])
  })
})

describe('a reader', () => {
  test('who confirms between two slots gets a first digest that starts one frequency period before it', async () => {
    const tagblatt = await addTagblatt(db)
    await addReader(db, tagblatt, 'eva', {}, MONDAY)
    const before = await addEntry(db, tagblatt, at('2026-05-05T04:59:00Z'))
    await planAt('2026-05-05T05:00:20Z')
    await sendAll(db)
    const morning = await addEntry(db, tagblatt, at('2026-05-05T06:00:00Z'))
    const late = await addReader(db, tagblatt, 'tom', {}, at('2026-05-05T09:00:00Z'))
    const weekly = await addReader(db, tagblatt, 'ida', { frequency: 'weekly', weekday: 3 }, at('2026-05-05T09:00:00Z'))
    const evening = await addEntry(db, tagblatt, at('2026-05-05T18:00:00Z'))
    await planAt(WEDNESDAY_SLOT)
    expect(await readReceived(db, late)).toEqual([[evening, morning]])
    expect(await readReceived(db, weekly)).toEqual([[evening, morning, before]])
  })

  test('who signed up after a slot was missed does not get what the others still wait for', async () => {
    const tagblatt = await addTagblatt(db)
    const eva = await addReader(db, tagblatt, 'eva', {}, MONDAY)
    const first = await addEntry(db, tagblatt, MONDAY)
    await planAt('2026-05-05T12:00:00Z')
    const tom = await addReader(db, tagblatt, 'tom', {}, at('2026-05-05T12:30:00Z'))
    const second = await addEntry(db, tagblatt, at('2026-05-05T13:00:00Z'))
    await planAt(WEDNESDAY_SLOT)
    expect(await readReceived(db, eva)).toEqual([[second, first]])
    expect(await readReceived(db, tom)).toEqual([[second]])
  })

  test('who confirms instant alerts gets those of the last 24 hours in the next window', async () => {
    const tagblatt = await addTagblatt(db)
    await addEntry(db, tagblatt, at('2026-05-03T10:00:00Z'))
    const recent = await addEntry(db, tagblatt, at('2026-05-04T10:00:00Z'))
    const first = await addReader(db, tagblatt, 'eva', { frequency: 'instant' }, MONDAY)
    await planAt('2026-05-04T12:05:00Z')
    const second = await addReader(db, tagblatt, 'tom', { frequency: 'instant' }, MONDAY.add({ minutes: 6 }))
    await planAt('2026-05-04T12:10:00Z')
    await planAt('2026-05-04T12:15:00Z')
    expect(await readReceived(db, first)).toEqual([[recent]])
    expect(await readReceived(db, second)).toEqual([[recent]])
  })
})

describe('the night the clocks change', () => {
  test('in spring an hour that does not exist is planned as the gap ends, once', async () => {
    const now = at('2026-03-28T12:00:00Z')
    const tagblatt = await addTagblatt(db, { hour: 2 }, now)
    const reader = await addReader(db, tagblatt, 'eva', {}, now)
    const entry = await addEntry(db, tagblatt, now)
    expect((await planAt('2026-03-29T00:59:00Z')).planned).toEqual([])
    for (const minute of ['00', '01', '30']) await planAt(`2026-03-29T01:${minute}:00Z`)
    expect((await readSlots(db)).map(({ slot }) => slot)).toEqual(['2026-03-29T01:00:00Z'])
    expect(await readReceived(db, reader)).toEqual([[entry]])
    expect(await dueTimes()).toEqual(['2026-03-30T00:00:00Z'])
  })

  test('in autumn an hour that exists twice is planned the first time, once', async () => {
    const now = at('2026-10-24T12:00:00Z')
    const tagblatt = await addTagblatt(db, { hour: 2 }, now)
    const reader = await addReader(db, tagblatt, 'eva', {}, now)
    const first = await addEntry(db, tagblatt, now)
    await planAt('2026-10-25T00:00:00Z')
    await sendAll(db)
    const second = await addEntry(db, tagblatt, at('2026-10-25T00:30:00Z'))
    for (const minute of ['00', '01', '59']) await planAt(`2026-10-25T01:${minute}:00Z`)
    expect((await readSlots(db)).map(({ slot }) => slot)).toEqual(['2026-10-25T00:00:00Z'])
    expect(await dueTimes()).toEqual(['2026-10-26T01:00:00Z'])
    await planAt('2026-10-26T01:00:00Z')
    expect(await readReceived(db, reader)).toEqual([[first], [second]])
  })
})
