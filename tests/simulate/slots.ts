import { Temporal } from '../../src/clock.ts'

/**
 * What a reader's choice means, in plain words and apart from the product's own arithmetic: only the way from an instant
 * to what the wall shows is asked of the time zones, never the way back.
 */
export type Wanted = {
  readonly frequency: string
  readonly weekday: number | null
  readonly hour: number | null
  readonly zone: string
}

const QUARTER_MS = 15 * 60_000
const DAY_MS = 24 * 3_600_000
const WINDOW_MS = 5 * 60_000

const wallAt = (ms: number, zone: string) =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone).toPlainDateTime()

const memory = new Map<string, number>()

/** The moment of a date at which the wall first shows this hour, or has just jumped over it. */
function momentOf(date: Temporal.PlainDate, hour: number, zone: string): number {
  const key = `${date} ${hour} ${zone}`
  const known = memory.get(key)
  if (known !== undefined) return known
  const wanted = date.toPlainDateTime({ hour })
  const asIfUtc = Date.UTC(date.year, date.month - 1, date.day, hour)
  const isReached = (quarter: number) =>
    Temporal.PlainDateTime.compare(wallAt(asIfUtc - 15 * 3_600_000 + quarter * QUARTER_MS, zone), wanted) >= 0
  // No zone is further from UTC than 14 hours; rules change on quarters of an hour.
  let [before, reached] = [0, 30 * 4]
  while (reached - before > 1) {
    const middle = Math.floor((before + reached) / 2)
    if (isReached(middle)) reached = middle
    else before = middle
  }
  const moment = asIfUtc - 15 * 3_600_000 + reached * QUARTER_MS
  memory.set(key, moment)
  return moment
}

/** `weekdays` are Monday to Friday, `weekly` comes on one day of the week, `monthly` on the 1st, `daily` every day. */
function isDayOf({ frequency, weekday }: Wanted, date: Temporal.PlainDate): boolean {
  if (frequency === 'weekdays') return date.dayOfWeek <= 5
  if (frequency === 'weekly') return date.dayOfWeek === (weekday ?? 1)
  return frequency === 'monthly' ? date.day === 1 : true
}

/** The last moment, up to `ms`, at which this reader's digest was due. `instant`: the last full five minutes. */
export function lastDue(wanted: Wanted, ms: number): number {
  if (wanted.frequency === 'instant') return Math.floor(ms / WINDOW_MS) * WINDOW_MS
  let date = wallAt(ms + DAY_MS, wanted.zone).toPlainDate()
  for (;;) {
    if (isDayOf(wanted, date)) {
      const moment = momentOf(date, wanted.hour ?? 0, wanted.zone)
      if (moment <= ms) return moment
    }
    date = date.subtract({ days: 1 })
  }
}

/** What is older than this a reader who begins at `ms` does not get: one frequency period before their first slot. */
export function startsAfter(wanted: Wanted, ms: number): number {
  return wanted.frequency === 'instant' ? ms - DAY_MS : lastDue(wanted, ms)
}

/** Whether a digest of this choice is due at this very moment. */
export const isDueAt = (wanted: Wanted, ms: number) => lastDue(wanted, ms) === ms
