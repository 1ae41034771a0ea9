import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Temporal } from '../../../src/clock.ts'
import type { Frequency } from '../../../src/db/schema/newsletter.ts'
import { nextSlot, type Schedule, startOf } from '../../../src/newsletters/schedule/slots.ts'

const at = (text: string) => Temporal.Instant.from(text)

const ZONES = [
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Pacific/Kiritimati',
  'America/St_Johns',
  'Pacific/Apia',
]
const anyChoice = fc.record({
  frequency: fc.constantFrom<Frequency>('daily', 'weekdays', 'weekly', 'monthly'),
  weekday: fc.integer({ min: 1, max: 7 }),
  hour: fc.integer({ min: 0, max: 23 }),
  zone: fc.constantFrom(...ZONES),
})
/** Half of them within days of a change of clocks. */
const CHANGES = [
  '2010-03-14',
  '2010-11-07',
  '2011-12-30',
  '2024-04-06',
  '2024-10-06',
  '2025-03-09',
  '2025-03-30',
  '2025-10-26',
]
const anyInstant = fc.oneof(
  fc.integer({ min: 0, max: 4_102_444_800_000 }).map((ms) => Temporal.Instant.fromEpochMilliseconds(ms)),
  fc
    .tuple(fc.constantFrom(...CHANGES), fc.integer({ min: -4 * 1440, max: 4 * 1440 }))
    .map(([date, minutes]) => at(`${date}T00:00Z`).add({ minutes })),
)
const dateOf = (schedule: Schedule, instant: Temporal.Instant) =>
  instant.toZonedDateTimeISO(schedule.zone).toPlainDate().toString()

describe('slots', () => {
  test('strictly increase, with at most one a local date, in every zone and over every change of clocks', () => {
    fc.assert(
      fc.property(anyChoice, anyInstant, (schedule, after) => {
        const slots = [nextSlot(schedule, after)]
        for (let index = 0; index < 8; index++) slots.push(nextSlot(schedule, slots.at(-1) ?? after))
        const times = slots.map((slot) => slot.epochMilliseconds)
        expect(times).toEqual([...new Set(times)].sort((a, b) => a - b))
        expect(times[0]).toBeGreaterThan(after.epochMilliseconds)
        const dates = slots.map((slot) => dateOf(schedule, slot))
        expect(new Set(dates).size).toBe(dates.length)
      }),
      { numRuns: 500 },
    )
  })

  test('do not depend on where one looks from: nothing lies between a start and the first slot', () => {
    fc.assert(
      fc.property(anyChoice, anyInstant, (schedule, now) => {
        const start = startOf(schedule, now)
        expect(start.epochMilliseconds).toBeLessThanOrEqual(now.epochMilliseconds)
        expect(nextSlot(schedule, start).equals(nextSlot(schedule, now))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('stand at the hour that was chosen, unless that hour does not exist', () => {
    fc.assert(
      fc.property(anyChoice, anyInstant, (schedule, after) => {
        const slot = nextSlot(schedule, after).toZonedDateTimeISO(schedule.zone)
        if (slot.hour === schedule.hour && slot.minute === 0) return
        const before = slot.subtract({ nanoseconds: 1 })
        expect(before.offsetNanoseconds).toBeLessThan(slot.offsetNanoseconds)
      }),
      { numRuns: 500 },
    )
  })
})
