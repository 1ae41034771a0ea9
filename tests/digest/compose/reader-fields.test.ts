import { describe, expect, test } from 'vitest'
import { Temporal } from '../../../src/clock.ts'
import { type ReaderTiming, readerFields } from '../../../src/digest/compose/reader-fields.ts'
import { AT } from '../sample.ts'

const DAILY: ReaderTiming = {
  locale: 'de',
  zone: 'Europe/Berlin',
  frequency: 'daily',
  weekday: null,
  hour: 7,
  since: Temporal.Instant.from('2026-05-03T12:00:00Z'),
  at: AT,
}
const linesOf = (facts: Partial<ReaderTiming>) => readerFields({ ...DAILY, ...facts }).reason.split('\n')
const said = (facts: Partial<ReaderTiming>) => linesOf(facts).join(' ').replaceAll('\u00a0', ' ')

describe('readerFields', () => {
  test('the date is the reader’s own', () => {
    expect(readerFields(DAILY).date).toBe('Montag, 23.\u00a0November')
    expect(readerFields({ ...DAILY, locale: 'en', zone: 'America/Los_Angeles' }).date).toBe('Sunday, 22\u00a0November')
  })

  test.each([
    [{}, 'Sie erhalten diese Mail täglich um 7:00 (Europe/Berlin), weil Sie sie seit 3. Mai 2026 abonniert haben.'],
    [{ since: null }, 'Sie erhalten diese Mail täglich um 7:00 (Europe/Berlin), weil Sie sie abonniert haben.'],
    [
      { frequency: 'instant' },
      'Sie erhalten diese Mail immer, wenn Neues erscheint, weil Sie sie seit 3. Mai 2026 abonniert haben.',
    ],
    [
      { frequency: 'weekdays' },
      'Sie erhalten diese Mail montags bis freitags um 7:00 (Europe/Berlin), weil Sie sie seit 3. Mai 2026 abonniert haben.',
    ],
    [
      { frequency: 'weekly', weekday: 5 },
      'Sie erhalten diese Mail jeden Freitag um 7:00 (Europe/Berlin), weil Sie sie seit 3. Mai 2026 abonniert haben.',
    ],
    [
      { frequency: 'monthly', hour: 18 },
      'Sie erhalten diese Mail am 1. jedes Monats um 18:00 (Europe/Berlin), weil Sie sie seit 3. Mai 2026 abonniert haben.',
    ],
    [
      { locale: 'en' },
      'You receive this mail daily at 7:00 (Europe/Berlin) because you have subscribed to it since 3 May 2026.',
    ],
    [
      { locale: 'en', frequency: 'weekly', since: null },
      'You receive this mail every Monday at 7:00 (Europe/Berlin) because you subscribed to it.',
    ],
  ] satisfies [Partial<ReaderTiming>, string][])('with %j the reason is "%s"', (facts, expected) => {
    expect(said(facts)).toBe(expected)
    expect(Math.max(...linesOf(facts).map((line) => line.length))).toBeLessThanOrEqual(72)
  })

  test('blanks that must not break do not', () => {
    expect(readerFields(DAILY).reason).toContain('3.\u00a0Mai\u00a02026')
    expect(readerFields(DAILY).reason).toContain('um\u00a07:00')
  })
})
