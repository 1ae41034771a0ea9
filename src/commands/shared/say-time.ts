import type { Temporal } from '../../clock.ts'

/** An instant as a person at the terminal reads it, in `zone`, which it names: `2026-05-04 14:00 Europe/Berlin`. */
export function sayInstant(at: Temporal.Instant, zone: string): string {
  const { year, month, day, hour, minute } = at.toZonedDateTimeISO(zone)
  const digits = (number: number) => String(number).padStart(2, '0')
  return `${year}-${digits(month)}-${digits(day)} ${digits(hour)}:${digits(minute)} ${zone}`
}

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const MOST_DAYS = 14

/** How far off an instant is: `in 5 minutes`, `2 hours ago`, `yesterday`; null beyond two weeks, where a date says more. */
export function sayRelative(at: Temporal.Instant, now: Temporal.Instant): string | null {
  const seconds = (at.epochMilliseconds - now.epochMilliseconds) / 1000
  const format = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
  const far = Math.abs(seconds)
  if (far < MINUTE) return 'now'
  if (far < HOUR) return format.format(Math.trunc(seconds / MINUTE), 'minute')
  if (far < DAY) return format.format(Math.trunc(seconds / HOUR), 'hour')
  return far <= MOST_DAYS * DAY ? format.format(Math.round(seconds / DAY), 'day') : null
}

/** `1 article`, `12,000 articles`. */
export function sayCount(count: number, one: string, other = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : other}`
}
