import { describe, expect, test } from 'vitest'
import { Temporal } from '../../../src/clock.ts'
import type { Frequency } from '../../../src/db/schema/newsletter.ts'
import { nextSlot, type Schedule, startOf } from '../../../src/newsletters/schedule/slots.ts'

const choose = (frequency: Frequency, hour: number | null, zone: string, weekday: number | null = null): Schedule => ({
  frequency,
  hour,
  zone,
  weekday,
})
const at = (text: string) => Temporal.Instant.from(text)

const BERLIN = 'Europe/Berlin'
const NEW_YORK = 'America/New_York'
const KOLKATA = 'Asia/Kolkata'
const LORD_HOWE = 'Australia/Lord_Howe'
const KIRITIMATI = 'Pacific/Kiritimati'
const ST_JOHNS = 'America/St_Johns'
const APIA = 'Pacific/Apia'
const UTC = 'UTC'

/** What holds, frequency, hour, zone, weekday, after (UTC), the next slot (UTC). */
type NextCase = readonly [string, Frequency, number | null, string, number | null, string, string]

const NEXT: readonly NextCase[] = [
  ['daily, before the hour', 'daily', 7, BERLIN, null, '2025-01-15T05:00Z', '2025-01-15T06:00Z'],
  ['daily, a moment before', 'daily', 7, BERLIN, null, '2025-01-15T05:59:59.999Z', '2025-01-15T06:00Z'],
  ['daily, at the hour: strictly after', 'daily', 7, BERLIN, null, '2025-01-15T06:00Z', '2025-01-16T06:00Z'],
  ['daily, after the hour', 'daily', 7, BERLIN, null, '2025-01-15T06:00:00.001Z', '2025-01-16T06:00Z'],
  ['daily in summer', 'daily', 7, BERLIN, null, '2025-07-15T00:00Z', '2025-07-15T05:00Z'],
  ['daily at midnight', 'daily', 0, BERLIN, null, '2025-01-15T12:00Z', '2025-01-15T23:00Z'],
  ['daily at 23 h', 'daily', 23, BERLIN, null, '2025-01-15T12:00Z', '2025-01-15T22:00Z'],
  ['daily over the end of a month', 'daily', 7, BERLIN, null, '2025-01-31T07:00Z', '2025-02-01T06:00Z'],
  ['daily over the end of a year', 'daily', 7, BERLIN, null, '2025-12-31T07:00Z', '2026-01-01T06:00Z'],
  ['daily into a leap day', 'daily', 7, BERLIN, null, '2024-02-28T07:00Z', '2024-02-29T06:00Z'],
  ['daily out of a leap day', 'daily', 7, BERLIN, null, '2024-02-29T07:00Z', '2024-03-01T06:00Z'],
  ['daily, no leap day in 2025', 'daily', 7, BERLIN, null, '2025-02-28T07:00Z', '2025-03-01T06:00Z'],
  ['no leap day in 2100', 'daily', 7, UTC, null, '2100-02-28T08:00Z', '2100-03-01T07:00Z'],
  ['a leap day in 2000', 'daily', 7, UTC, null, '2000-02-28T08:00Z', '2000-02-29T07:00Z'],
  ['daily in Kolkata, half an hour off', 'daily', 7, KOLKATA, null, '2025-01-15T00:00Z', '2025-01-15T01:30Z'],
  ['daily in Kiritimati, a day ahead', 'daily', 7, KIRITIMATI, null, '2025-01-15T00:00Z', '2025-01-15T17:00Z'],
  ['daily in New York', 'daily', 7, NEW_YORK, null, '2025-01-15T00:00Z', '2025-01-15T12:00Z'],
  ['daily in St John’s', 'daily', 7, ST_JOHNS, null, '2025-01-15T00:00Z', '2025-01-15T10:30Z'],
  ['daily in Apia', 'daily', 7, APIA, null, '2025-01-15T00:00Z', '2025-01-15T18:00Z'],
  ['daily in UTC', 'daily', 7, UTC, null, '2025-01-15T00:00Z', '2025-01-15T07:00Z'],
  // Spring: 2025-03-30 in Berlin has no 02:00 to 03:00.
  ['the day before the gap', 'daily', 2, BERLIN, null, '2025-03-29T00:00Z', '2025-03-29T01:00Z'],
  ['the hour that does not exist: as the gap ends', 'daily', 2, BERLIN, null, '2025-03-29T01:00Z', '2025-03-30T01:00Z'],
  ['the day after the gap', 'daily', 2, BERLIN, null, '2025-03-30T01:00Z', '2025-03-31T00:00Z'],
  ['the hour the gap ends with', 'daily', 3, BERLIN, null, '2025-03-29T02:00Z', '2025-03-30T01:00Z'],
  ['the hour before the gap', 'daily', 1, BERLIN, null, '2025-03-29T00:00Z', '2025-03-30T00:00Z'],
  ['23 hours between two slots', 'daily', 7, BERLIN, null, '2025-03-29T06:00Z', '2025-03-30T05:00Z'],
  ['from inside the night of the gap', 'daily', 7, BERLIN, null, '2025-03-30T01:30Z', '2025-03-30T05:00Z'],
  // Autumn: 2025-10-26 in Berlin has 02:00 to 03:00 twice.
  ['the hour that exists twice: the first', 'daily', 2, BERLIN, null, '2025-10-25T00:00Z', '2025-10-26T00:00Z'],
  ['between the two: not again', 'daily', 2, BERLIN, null, '2025-10-26T00:00Z', '2025-10-27T01:00Z'],
  ['in the second one: not again', 'daily', 2, BERLIN, null, '2025-10-26T01:15Z', '2025-10-27T01:00Z'],
  ['the hour after both', 'daily', 3, BERLIN, null, '2025-10-26T00:30Z', '2025-10-26T02:00Z'],
  ['25 hours between two slots', 'daily', 7, BERLIN, null, '2025-10-25T05:00Z', '2025-10-26T06:00Z'],
  // New York changes on other days, at 2 h too.
  ['New York, the hour that does not exist', 'daily', 2, NEW_YORK, null, '2025-03-08T08:00Z', '2025-03-09T07:00Z'],
  ['New York, the hour that exists twice', 'daily', 1, NEW_YORK, null, '2025-11-01T06:00Z', '2025-11-02T05:00Z'],
  ['New York, not again', 'daily', 1, NEW_YORK, null, '2025-11-02T05:00Z', '2025-11-03T06:00Z'],
  // Lord Howe turns its clocks by half an hour.
  ['Lord Howe, 02:00 is 02:30', 'daily', 2, LORD_HOWE, null, '2024-10-05T12:00Z', '2024-10-05T15:30Z'],
  ['Lord Howe, the day after', 'daily', 2, LORD_HOWE, null, '2024-10-05T15:30Z', '2024-10-06T15:00Z'],
  [
    'Lord Howe, half an hour twice: 01:30 holds no hour',
    'daily',
    2,
    LORD_HOWE,
    null,
    '2024-04-06T12:00Z',
    '2024-04-06T15:30Z',
  ],
  // St John's used to turn its clocks at one minute past midnight.
  ['St John’s, 1 h is a minute late', 'daily', 1, ST_JOHNS, null, '2010-03-13T12:00Z', '2010-03-14T03:31Z'],
  ['St John’s, midnight is before the gap', 'daily', 0, ST_JOHNS, null, '2010-03-13T12:00Z', '2010-03-14T03:30Z'],
  ['St John’s, midnight twice: the first', 'daily', 0, ST_JOHNS, null, '2010-11-06T12:00Z', '2010-11-07T02:30Z'],
  [
    'St John’s, back on the evening before: not again',
    'daily',
    0,
    ST_JOHNS,
    null,
    '2010-11-07T02:45Z',
    '2010-11-08T03:30Z',
  ],
  ['St John’s, 23 h once', 'daily', 23, ST_JOHNS, null, '2010-11-07T01:30Z', '2010-11-08T02:30Z'],
  // Apia skipped 2011-12-30 as a whole.
  ['Apia, before the skipped day', 'daily', 7, APIA, null, '2011-12-29T00:00Z', '2011-12-29T17:00Z'],
  ['Apia, the next day comes at once', 'daily', 7, APIA, null, '2011-12-29T17:00Z', '2011-12-30T17:00Z'],
  ['Apia, a skipped Friday runs as the gap ends', 'weekly', 7, APIA, 5, '2011-12-29T00:00Z', '2011-12-30T10:00Z'],
  ['Apia, the Friday after', 'weekly', 7, APIA, 5, '2011-12-30T10:00Z', '2012-01-05T17:00Z'],
  ['Apia, the weekday skipped', 'weekdays', 7, APIA, null, '2011-12-29T17:00Z', '2011-12-30T10:00Z'],
  ['Apia, the Monday after', 'weekdays', 7, APIA, null, '2011-12-30T10:00Z', '2012-01-01T17:00Z'],
  ['Apia, Saturday is not skipped', 'weekly', 7, APIA, 6, '2011-12-29T00:00Z', '2011-12-30T17:00Z'],
  // Azores and Beirut lose midnight itself.
  ['Azores, midnight does not exist', 'daily', 0, 'Atlantic/Azores', null, '2025-03-29T12:00Z', '2025-03-30T01:00Z'],
  ['Beirut, midnight does not exist', 'daily', 0, 'Asia/Beirut', null, '2025-03-29T12:00Z', '2025-03-29T22:00Z'],
  [
    'Nuuk, 23 h does not exist: at midnight',
    'daily',
    23,
    'America/Nuuk',
    null,
    '2025-03-29T12:00Z',
    '2025-03-30T01:00Z',
  ],
  [
    'Nuuk, the next day’s 23 h is not lost',
    'daily',
    23,
    'America/Nuuk',
    null,
    '2025-03-30T01:00Z',
    '2025-03-31T00:00Z',
  ],
  ['Nuuk, 22 h exists', 'daily', 22, 'America/Nuuk', null, '2025-03-29T12:00Z', '2025-03-30T00:00Z'],
  // weekdays
  ['weekdays, Friday to Monday', 'weekdays', 7, BERLIN, null, '2025-01-17T06:00Z', '2025-01-20T06:00Z'],
  ['weekdays, on Saturday', 'weekdays', 7, BERLIN, null, '2025-01-18T05:00Z', '2025-01-20T06:00Z'],
  ['weekdays, on Sunday', 'weekdays', 7, BERLIN, null, '2025-01-19T22:59Z', '2025-01-20T06:00Z'],
  ['weekdays, Thursday to Friday', 'weekdays', 7, BERLIN, null, '2025-01-16T06:00Z', '2025-01-17T06:00Z'],
  ['weekdays, Monday before the hour', 'weekdays', 7, BERLIN, null, '2025-01-20T05:00Z', '2025-01-20T06:00Z'],
  ['weekdays by the reader’s date', 'weekdays', 7, KIRITIMATI, null, '2025-01-19T09:59Z', '2025-01-19T17:00Z'],
  ['weekdays over the night of the gap', 'weekdays', 7, BERLIN, null, '2025-03-28T06:00Z', '2025-03-31T05:00Z'],
  // weekly
  ['weekly, Monday by default', 'weekly', 7, BERLIN, null, '2025-01-15T00:00Z', '2025-01-20T06:00Z'],
  ['weekly, today', 'weekly', 7, BERLIN, 3, '2025-01-15T00:00Z', '2025-01-15T06:00Z'],
  ['weekly, today is over', 'weekly', 7, BERLIN, 3, '2025-01-15T06:00Z', '2025-01-22T06:00Z'],
  ['weekly, Sunday', 'weekly', 7, BERLIN, 7, '2025-01-15T00:00Z', '2025-01-19T06:00Z'],
  ['weekly over the end of a year', 'weekly', 7, BERLIN, 4, '2025-12-26T00:00Z', '2026-01-01T06:00Z'],
  ['weekly on the day of the gap', 'weekly', 2, BERLIN, 7, '2025-03-24T00:00Z', '2025-03-30T01:00Z'],
  ['weekly on the day of two', 'weekly', 2, BERLIN, 7, '2025-10-26T00:00Z', '2025-11-02T01:00Z'],
  ['weekly by the reader’s date', 'weekly', 7, KIRITIMATI, 1, '2025-01-15T00:00Z', '2025-01-19T17:00Z'],
  ['weekly on a leap day', 'weekly', 7, BERLIN, 4, '2024-02-23T00:00Z', '2024-02-29T06:00Z'],
  // monthly
  ['monthly, the 1st', 'monthly', 7, BERLIN, null, '2025-01-15T00:00Z', '2025-02-01T06:00Z'],
  ['monthly, on the 1st before the hour', 'monthly', 7, BERLIN, null, '2025-02-01T05:00Z', '2025-02-01T06:00Z'],
  ['monthly, on the 1st at the hour', 'monthly', 7, BERLIN, null, '2025-02-01T06:00Z', '2025-03-01T06:00Z'],
  ['monthly, on the 31st', 'monthly', 7, BERLIN, null, '2025-01-31T12:00Z', '2025-02-01T06:00Z'],
  ['monthly over the end of a year', 'monthly', 7, BERLIN, null, '2025-12-01T07:00Z', '2026-01-01T06:00Z'],
  ['monthly after a leap day', 'monthly', 7, BERLIN, null, '2024-02-29T12:00Z', '2024-03-01T06:00Z'],
  ['monthly into summer time', 'monthly', 7, BERLIN, null, '2025-03-15T00:00Z', '2025-04-01T05:00Z'],
  ['monthly by the reader’s date', 'monthly', 7, KIRITIMATI, null, '2025-01-15T00:00Z', '2025-01-31T17:00Z'],
  ['monthly where the 1st has a gap', 'monthly', 0, 'America/Asuncion', null, '2023-09-15T00:00Z', '2023-10-01T04:00Z'],
  // instant
  ['instant, the next five minutes', 'instant', null, BERLIN, null, '2025-01-15T06:02:11Z', '2025-01-15T06:05Z'],
  ['instant, strictly after', 'instant', null, BERLIN, null, '2025-01-15T06:05Z', '2025-01-15T06:10Z'],
  ['instant, a moment before', 'instant', null, BERLIN, null, '2025-01-15T06:04:59.999Z', '2025-01-15T06:05Z'],
  ['instant, over midnight', 'instant', null, KOLKATA, null, '2025-12-31T23:59Z', '2026-01-01T00:00Z'],
  ['instant, in the gap of the night', 'instant', null, BERLIN, null, '2025-03-30T00:59Z', '2025-03-30T01:00Z'],
]

/** What holds, frequency, hour, zone, weekday, now (UTC), where a new subscription starts (UTC). */
const STARTS: readonly NextCase[] = [
  ['daily: a day before the first slot', 'daily', 7, BERLIN, null, '2025-01-15T05:00Z', '2025-01-14T06:00Z'],
  ['daily, at the slot itself', 'daily', 7, BERLIN, null, '2025-01-15T06:00Z', '2025-01-15T06:00Z'],
  ['daily over the night of the gap', 'daily', 7, BERLIN, null, '2025-03-30T04:00Z', '2025-03-29T06:00Z'],
  ['daily, the hour that does not exist', 'daily', 2, BERLIN, null, '2025-03-30T12:00Z', '2025-03-30T01:00Z'],
  ['daily, the hour that exists twice', 'daily', 2, BERLIN, null, '2025-10-26T01:30Z', '2025-10-26T00:00Z'],
  ['daily, before the skipped day', 'daily', 7, APIA, null, '2011-12-30T12:00Z', '2011-12-29T17:00Z'],
  [
    'daily, midnight already was, clocks went back',
    'daily',
    0,
    ST_JOHNS,
    null,
    '2010-11-07T02:45Z',
    '2010-11-07T02:30Z',
  ],
  ['weekdays: Friday’s, at the weekend', 'weekdays', 7, BERLIN, null, '2025-01-19T12:00Z', '2025-01-17T06:00Z'],
  ['weekdays: yesterday’s', 'weekdays', 7, BERLIN, null, '2025-01-16T05:00Z', '2025-01-15T06:00Z'],
  ['weekly: seven days before', 'weekly', 7, BERLIN, 1, '2025-01-15T00:00Z', '2025-01-13T06:00Z'],
  ['weekly over the night of two', 'weekly', 7, BERLIN, 1, '2025-10-26T12:00Z', '2025-10-20T05:00Z'],
  ['monthly: the month before', 'monthly', 7, BERLIN, null, '2025-03-01T05:00Z', '2025-02-01T06:00Z'],
  ['monthly, in a leap February', 'monthly', 7, BERLIN, null, '2024-02-29T12:00Z', '2024-02-01T06:00Z'],
  ['instant: 24 hours', 'instant', null, BERLIN, null, '2025-03-30T12:02Z', '2025-03-29T12:02Z'],
]

describe('nextSlot', () => {
  test.each(NEXT)('%s', (_, frequency, hour, zone, weekday, after, slot) => {
    expect(nextSlot(choose(frequency, hour, zone, weekday), at(after)).toString()).toBe(at(slot).toString())
  })
})

describe('startOf', () => {
  test.each(STARTS)('%s', (_, frequency, hour, zone, weekday, now, start) => {
    expect(startOf(choose(frequency, hour, zone, weekday), at(now)).toString()).toBe(at(start).toString())
  })
})
