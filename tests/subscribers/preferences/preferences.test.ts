import { describe, expect, test } from 'vitest'
import { canonicalZone } from '../../../src/newsletters/schedule/time-zone.ts'
import { readPreferences } from '../../../src/subscribers/preferences/preferences.ts'

const NOTHING = { frequency: '', weekday: '', hour: '', timeZone: '' }

describe('readChoice', () => {
  test('reads what people write', () => {
    expect(readPreferences({ frequency: 'Weekly', weekday: '3', hour: '07', timeZone: 'europe/berlin' })).toEqual({
      parts: { frequency: 'weekly', weekday: 3, hour: 7, zone: 'Europe/Berlin' },
      wrong: [],
    })
  })

  test('leaves open what is not said', () => {
    expect(readPreferences(NOTHING)).toEqual({
      parts: { frequency: null, weekday: null, hour: null, zone: null },
      wrong: [],
    })
  })

  test('names everything that is wrong', () => {
    const { wrong } = readPreferences({ frequency: 'hourly', weekday: '0', hour: '24', timeZone: '+01:00' })
    expect(wrong).toEqual([
      'The frequency takes one of instant, daily, weekdays, weekly, monthly.',
      'The weekday takes 1 (Monday) to 7 (Sunday).',
      'The hour takes 0 to 23.',
      'The time zone takes an IANA name such as Europe/Berlin.',
    ])
  })

  test.each(['8', '-1', '1.5', 'Monday', '1e0', ' 1'])('takes %j for no weekday', (weekday) => {
    expect(readPreferences({ ...NOTHING, weekday }).wrong).toHaveLength(1)
  })
})

describe('canonicalZone', () => {
  test.each([
    ['Europe/Berlin', 'Europe/Berlin'],
    ['EUROPE/BERLIN', 'Europe/Berlin'],
    ['Asia/Calcutta', 'Asia/Kolkata'],
    ['asia/kolkata', 'Asia/Kolkata'],
    ['Europe/Kiev', 'Europe/Kyiv'],
    ['Europe/Kyiv', 'Europe/Kyiv'],
    ['US/Eastern', 'America/New_York'],
    ['Pacific/Kiritimati', 'Pacific/Kiritimati'],
    ['America/Nuuk', 'America/Nuuk'],
    ['Etc/UTC', 'UTC'],
    ['utc', 'UTC'],
  ])('%s is kept as %s', (name, kept) => {
    expect(canonicalZone(name)).toBe(kept)
  })

  test.each(['', 'Berlin', '+01:00', '-05', 'Europe/Berlin ', 'Europe/Atlantis', '../etc/passwd', '1', 'é'])(
    '%j is no zone',
    (name) => {
      expect(canonicalZone(name)).toBeNull()
    },
  )

  test('every zone the machine knows is a zone, by a name that stays the same', () => {
    for (const name of Intl.supportedValuesOf('timeZone')) {
      const kept = canonicalZone(name)
      expect(kept).not.toBeNull()
      expect(canonicalZone(kept ?? '')).toBe(kept)
    }
  })
})
