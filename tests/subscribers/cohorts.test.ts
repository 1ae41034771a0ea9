import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import type { Schedule } from '../../src/newsletters/schedule/slots.ts'
import { findStarts, placeInCohorts } from '../../src/subscribers/cohorts.ts'
import { freshDatabase } from '../support/fresh.ts'
import { addEntries, addTagblatt, LAST_SLOT, moveWatermarks, NOON } from './fixtures.ts'

const { db } = await freshDatabase()

const DAILY: Schedule = { frequency: 'daily', weekday: null, hour: 7, zone: 'Europe/Berlin' }
const WEEKLY: Schedule = { frequency: 'weekly', weekday: 1, hour: 7, zone: 'Europe/Berlin' }
const INSTANT: Schedule = { frequency: 'instant', weekday: null, hour: null, zone: 'Europe/Berlin' }

const place = (newsletterId: number, schedule: Schedule, count = 1) =>
  db.transaction((tx) => placeInCohorts(tx, [{ newsletterId, schedule, count }], [], NOON))
const starts = (cohortId: number, schedule: Schedule) => findStarts(db, [{ cohortId, schedule }], NOON)
const cohorts = async () => {
  const found = await db.execute(
    sql`select frequency, weekday, hour, part, members, seen_entry_id as seen from cohort order by id`,
  )
  return found.rows
}

describe('placeInCohorts', () => {
  test('finds the cohort of a schedule, the home cohort too, and counts its members', async () => {
    const { id } = await addTagblatt(db)
    expect(await place(id, DAILY)).toEqual([1])
    expect(await place(id, DAILY, 5)).toEqual([1])
    expect(await cohorts()).toEqual([{ frequency: 'daily', weekday: null, hour: 7, part: 0, members: 6, seen: 0 }])
  })

  test('makes a missing one, due at its next slot, that has seen what was there one frequency period before it', async () => {
    const tagblatt = await addTagblatt(db)
    // Weekly slots are on Monday 13 and 20 January.
    const monday = LAST_SLOT.subtract({ hours: 48 })
    await addEntries(db, tagblatt, [monday.subtract({ hours: 1 }), monday, monday.add({ hours: 1 })])

    expect(await place(tagblatt.id, WEEKLY)).toEqual([2])

    const made = await db.execute(
      sql`select seen_entry_id as seen, next_due_at at time zone 'UTC' as due, home from cohort where id = 2`,
    )
    expect(made.rows).toEqual([{ seen: 2, due: expect.stringMatching(/^2025-01-20 06:00:00/), home: false }])
  })

  test('places many choices in one go, those without weekday or hour too, and keeps their order', async () => {
    const { id } = await addTagblatt(db)
    const placements = [INSTANT, DAILY, WEEKLY].map((schedule) => ({ newsletterId: id, schedule, count: 2 }))

    const ids = await db.transaction((tx) => placeInCohorts(tx, placements, [], NOON))
    const again = await db.transaction((tx) => placeInCohorts(tx, placements, [], NOON))

    expect(again).toEqual(ids)
    const rows = await cohorts()
    expect(ids.map((cohortId) => rows[cohortId - 1])).toMatchObject([
      { frequency: 'instant', weekday: null, hour: null, members: 4 },
      { frequency: 'daily', weekday: null, hour: 7, members: 4 },
      { frequency: 'weekly', weekday: 1, hour: 7, members: 4 },
    ])
  })

  test('a part has at most 100,000 members; the next begins where they do not fit', async () => {
    const { id } = await addTagblatt(db)
    await place(id, DAILY, 99_999)

    expect(await place(id, DAILY, 2)).toEqual([2])
    expect(await place(id, DAILY, 1)).toEqual([1])
    expect(await place(id, DAILY, 1)).toEqual([2])
    expect(await cohorts()).toMatchObject([
      { part: 0, members: 100_000 },
      { part: 1, members: 3 },
    ])
  })

  test('many at once make one cohort, and none too full', async () => {
    const { id } = await addTagblatt(db)
    const placed = await Promise.all(Array.from({ length: 12 }, () => place(id, WEEKLY, 30_000)))

    const counts = placed
      .flat()
      .reduce((sum, cohortId) => sum.set(cohortId, (sum.get(cohortId) ?? 0) + 30_000), new Map())
    expect([...counts.values()].sort()).toEqual([90_000, 90_000, 90_000, 90_000])
    expect((await cohorts()).filter((row) => row.frequency === 'weekly')).toMatchObject(
      [0, 1, 2, 3].map((part) => ({ part, members: 90_000 })),
    )
  })

  test('newsletters do not share cohorts', async () => {
    const one = await addTagblatt(db)
    const other = await addTagblatt(db, { slug: 'zwei' })
    expect(await place(one.id, DAILY)).not.toEqual(await place(other.id, DAILY))
  })
})

describe('findStarts', () => {
  test('stores nothing where the cohort was last planned at the slot before the first', async () => {
    const tagblatt = await addTagblatt(db)
    await addEntries(db, tagblatt, [LAST_SLOT.subtract({ hours: 1 })])
    await moveWatermarks(db, tagblatt)
    await addEntries(db, tagblatt, [LAST_SLOT.add({ hours: 1 })])

    expect(await starts(1, DAILY)).toEqual([null])
  })

  test('goes back behind a sending by hand since then', async () => {
    const tagblatt = await addTagblatt(db)
    const [before] = await addEntries(db, tagblatt, [LAST_SLOT.subtract({ hours: 1 }), LAST_SLOT.add({ hours: 1 })])
    await moveWatermarks(db, tagblatt)

    expect(await starts(1, DAILY)).toEqual([before])
  })

  test('goes ahead of a cohort that was not planned for long', async () => {
    const tagblatt = await addTagblatt(db)
    const entries = await addEntries(db, tagblatt, [
      LAST_SLOT.subtract({ hours: 100 }),
      LAST_SLOT,
      LAST_SLOT.add({ hours: 1 }),
    ])

    expect(await starts(1, DAILY)).toEqual([entries[1]])
  })

  test('gives an instant reader the 24 hours before', async () => {
    const tagblatt = await addTagblatt(db, { frequency: 'instant' })
    const entries = await addEntries(db, tagblatt, [
      NOON.subtract({ hours: 25 }),
      NOON.subtract({ hours: 24 }),
      NOON.subtract({ hours: 23 }),
      NOON,
    ])
    await moveWatermarks(db, tagblatt)

    expect(await starts(1, INSTANT)).toEqual([entries[1]])
  })

  test('does not count the entries of another newsletter', async () => {
    await addTagblatt(db)
    const other = await addTagblatt(db, { slug: 'zwei' })
    await addEntries(db, other, [LAST_SLOT.subtract({ hours: 1 })])

    expect(await starts(1, DAILY)).toEqual([null])
  })
})
