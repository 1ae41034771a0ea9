import { describe, expect, test } from 'vitest'
import { Temporal } from '../../src/clock.ts'
import type { Frequency } from '../../src/db/schema/newsletter.ts'
import { latestSlot, nextSlot, type Schedule } from '../../src/newsletters/schedule/slots.ts'
import { type DueCohort, groupDue } from '../../src/scheduler/due-cohorts.ts'

const at = (text: string) => Temporal.Instant.from(text)
const BERLIN = 'Europe/Berlin'

/** The rule, frequency, weekday, hour, zone, now (UTC), the latest slot (UTC). */
const LATEST: readonly (readonly [string, Frequency, number | null, number | null, string, string, string])[] = [
  ['at the slot itself', 'daily', null, 7, BERLIN, '2025-01-15T06:00Z', '2025-01-15T06:00Z'],
  ['a moment before: yesterday’s', 'daily', null, 7, BERLIN, '2025-01-15T05:59:59.999Z', '2025-01-14T06:00Z'],
  ['hours later', 'daily', null, 7, BERLIN, '2025-01-15T23:00Z', '2025-01-15T06:00Z'],
  ['over the night of the gap', 'daily', null, 2, BERLIN, '2025-03-30T01:00Z', '2025-03-30T01:00Z'],
  ['a moment before the gap ends', 'daily', null, 2, BERLIN, '2025-03-30T00:59Z', '2025-03-29T01:00Z'],
  ['in the hour that exists twice', 'daily', null, 2, BERLIN, '2025-10-26T01:30Z', '2025-10-26T00:00Z'],
  ['in Kiritimati, a day ahead', 'daily', null, 7, 'Pacific/Kiritimati', '2025-01-15T17:00Z', '2025-01-15T17:00Z'],
  ['in St John’s', 'daily', null, 7, 'America/St_Johns', '2025-01-15T10:29Z', '2025-01-14T10:30Z'],
  ['on Lord Howe, 02:00 is 02:30', 'daily', null, 2, 'Australia/Lord_Howe', '2024-10-05T15:30Z', '2024-10-05T15:30Z'],
  ['of weekdays, on a Sunday', 'weekdays', null, 7, BERLIN, '2025-01-19T12:00Z', '2025-01-17T06:00Z'],
  ['of a week', 'weekly', 1, 7, BERLIN, '2025-01-15T12:00Z', '2025-01-13T06:00Z'],
  ['of a month', 'monthly', null, 7, BERLIN, '2025-03-01T05:00Z', '2025-02-01T06:00Z'],
  ['of instant windows, at one', 'instant', null, null, BERLIN, '2025-01-15T06:05Z', '2025-01-15T06:05Z'],
  ['of instant windows, in one', 'instant', null, null, BERLIN, '2025-01-15T06:09:59.999Z', '2025-01-15T06:05Z'],
]

describe('latestSlot', () => {
  test.each(LATEST)('%s', (_, frequency, weekday, hour, zone, now, slot) => {
    const schedule: Schedule = { frequency, weekday, hour, zone }
    expect(`${latestSlot(schedule, at(now))}`).toBe(`${at(slot)}`)
    const next = nextSlot(schedule, at(now))
    expect(`${latestSlot(schedule, next)}`).toBe(`${next}`)
  })
})

let ids = 0
const due = (hour: number | null, zone: string, dueAt: string, frequency: Frequency = 'daily'): DueCohort => ({
  id: ++ids,
  newsletterId: 1,
  frequency,
  weekday: frequency === 'weekly' ? 1 : null,
  hour,
  zone,
  dueAt: at(dueAt),
})
const group = (now: string, ...cohorts: readonly DueCohort[]) =>
  groupDue(cohorts, at(now)).map((slot) => ({ ...slot, at: `${slot.at}`, skipped: slot.skipped.map(String) }))

describe('groupDue', () => {
  test('groups cohorts of one frequency whose slot is the same instant, earlier slots first', () => {
    const berlin = due(7, BERLIN, '2025-01-15T06:00Z')
    const london = due(6, 'Europe/London', '2025-01-15T06:00Z')
    const kolkata = due(11, 'Asia/Kolkata', '2025-01-15T05:30Z')
    const weekly = { ...due(7, BERLIN, '2025-01-15T06:00Z', 'weekly'), weekday: 3 }
    expect(group('2025-01-15T06:00:40Z', berlin, london, kolkata, weekly)).toEqual([
      { frequency: 'daily', at: '2025-01-15T05:30:00Z', cohortIds: [kolkata.id], skipped: [] },
      { frequency: 'daily', at: '2025-01-15T06:00:00Z', cohortIds: [berlin.id, london.id], skipped: [] },
      { frequency: 'weekly', at: '2025-01-15T06:00:00Z', cohortIds: [weekly.id], skipped: [] },
    ])
  })

  test('uses the latest slot of a cohort that is overdue by days, and lists each skipped slot once', () => {
    const early = due(7, BERLIN, '2025-01-12T06:00Z')
    const later = due(6, 'Europe/London', '2025-01-14T06:00Z')
    expect(group('2025-01-15T09:00Z', early, later)).toEqual([
      {
        frequency: 'daily',
        at: '2025-01-15T06:00:00Z',
        cohortIds: [early.id, later.id],
        skipped: ['2025-01-14T06:00:00Z', '2025-01-13T06:00:00Z', '2025-01-12T06:00:00Z'],
      },
    ])
  })

  test('lists one skipped window of instant alerts', () => {
    const cohort = due(null, BERLIN, '2025-01-12T06:05Z', 'instant')
    expect(group('2025-01-15T09:02Z', cohort)).toMatchObject([
      { at: '2025-01-15T09:00:00Z', skipped: ['2025-01-12T06:05:00Z'] },
    ])
  })

  test('lists a month of skipped slots at most, after years too', () => {
    const [slot] = group('2035-01-15T09:00Z', due(7, BERLIN, '2025-01-12T06:00Z'))
    expect(slot?.skipped).toHaveLength(31)
    expect(slot?.skipped[0]).toBe('2035-01-14T06:00:00Z')
  })

  test('keeps a due time that new rules of a time zone have moved away from its slots', () => {
    expect(group('2025-01-15T05:30Z', due(7, BERLIN, '2025-01-15T05:00Z'))).toMatchObject([
      { at: '2025-01-15T05:00:00Z', skipped: [] },
    ])
  })
})
