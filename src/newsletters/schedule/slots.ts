import { Temporal } from '../../clock.ts'
import type { Frequency } from '../../db/schema/newsletter.ts'

/** When a reader gets it: `weekday` 1 (Monday) to 7 with `weekly` only, `hour` 0 to 23 but with `instant`, an IANA zone. */
export type Schedule = {
  readonly frequency: Frequency
  readonly weekday: number | null
  readonly hour: number | null
  readonly zone: string
}

const MONDAY = 1
const SATURDAY = 6
const WINDOW_MS = 5 * 60_000

/**
 * The first slot after `after`. Slots are strictly increasing, one for each local date of the frequency. An hour that does
 * not exist runs as soon as the gap ends, one that exists twice runs the first time; `instant` has windows of 5 minutes.
 */
export function nextSlot(schedule: Schedule, after: Temporal.Instant): Temporal.Instant {
  if (schedule.frequency === 'instant') return windowOf(after).add({ milliseconds: WINDOW_MS })
  // A day earlier than today: a gap may carry a slot over midnight.
  const slots = slotsFrom(schedule, dateOf(schedule, after).subtract({ days: 1 }), 1)
  return slots.find((slot) => Temporal.Instant.compare(slot, after) > 0) ?? unending()
}

/** The last slot at or before `at`. */
export function latestSlot(schedule: Schedule, at: Temporal.Instant): Temporal.Instant {
  if (schedule.frequency === 'instant') return windowOf(at)
  // A day later than today: clocks turned back over midnight repeat the end of a date.
  const slots = slotsFrom(schedule, dateOf(schedule, at).add({ days: 1 }), -1)
  return slots.find((slot) => Temporal.Instant.compare(slot, at) <= 0) ?? unending()
}

/** Where a new subscription starts: one frequency period before its first slot after `now`; `instant` 24 hours before `now`. */
export function startOf(schedule: Schedule, now: Temporal.Instant): Temporal.Instant {
  return schedule.frequency === 'instant' ? now.subtract({ hours: 24 }) : latestSlot(schedule, now)
}

function windowOf(at: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.fromEpochMilliseconds(Math.floor(at.epochMilliseconds / WINDOW_MS) * WINDOW_MS)
}

const dateOf = (schedule: Schedule, instant: Temporal.Instant) =>
  instant.toZonedDateTimeISO(schedule.zone).toPlainDate()

/** The slots of `date` and all later (`step` 1) or earlier (−1) dates, in that order. */
function* slotsFrom(
  schedule: Schedule,
  date: Temporal.PlainDate,
  step: 1 | -1,
): Generator<Temporal.Instant, undefined> {
  for (let day = date; ; day = day.add({ days: step })) {
    const slot = isDay(schedule, day) ? slotOn(schedule, day) : null
    if (slot !== null) yield slot
  }
}

function isDay(schedule: Schedule, date: Temporal.PlainDate): boolean {
  switch (schedule.frequency) {
    case 'instant':
    case 'daily':
      return true
    case 'weekdays':
      return date.dayOfWeek < SATURDAY
    case 'weekly':
      return date.dayOfWeek === (schedule.weekday ?? MONDAY)
    case 'monthly':
      return date.day === 1
  }
}

/** Null on a date that does not exist (Apia skipped 2011-12-30) where the one it ends with has a slot of its own. */
function slotOn(schedule: Schedule, date: Temporal.PlainDate): Temporal.Instant | null {
  const wanted = date.toPlainDateTime({ hour: schedule.hour ?? 0 })
  const zoned = wanted.toZonedDateTime(schedule.zone, { disambiguation: 'earlier' })
  if (zoned.toPlainDateTime().equals(wanted)) return zoned.toInstant()
  // The hour is in a gap, and `earlier` lies before it: the next transition is where the gap ends.
  const gapEnd = zoned.getTimeZoneTransition('next')
  if (gapEnd === null) return zoned.toInstant()
  const isSkipped = !date.toZonedDateTime(schedule.zone).toPlainDate().equals(date)
  return isSkipped && isDay(schedule, gapEnd.toPlainDate()) ? null : gapEnd.toInstant()
}

function unending(): never {
  throw new RangeError('slots do not end')
}
