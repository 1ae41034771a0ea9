import type { Temporal } from '../clock.ts'
import { type Locale, phrase } from './locale.ts'

/** When an article appeared, as said at `at` in `zone`: `06:40`, `gestern, 18:05`, `3. Mai, 09:00`, `3. Mai 2024`. */
export function sayPublished(
  publishedAt: Temporal.Instant,
  at: Temporal.Instant,
  zone: string,
  locale: Locale,
): string {
  const published = publishedAt.toZonedDateTimeISO(zone)
  const edition = at.toZonedDateTimeISO(zone)
  const time = `${twoDigits(published.hour)}:${twoDigits(published.minute)}`
  const day = published.toPlainDate()
  const today = edition.toPlainDate()
  if (day.equals(today)) return time
  if (day.equals(today.subtract({ days: 1 }))) {
    return phrase(locale, 'time.moment', { day: phrase(locale, 'time.yesterday'), time })
  }
  if (day.year !== today.year) return sayDayWithYear(day, locale)
  return phrase(locale, 'time.moment', { day: sayDay(day, locale), time })
}

/** The date under a masthead: `Montag, 23. November`. */
export function sayDate(at: Temporal.Instant, zone: string, locale: Locale): string {
  const day = at.toZonedDateTimeISO(zone).toPlainDate()
  return phrase(locale, 'time.date', { weekday: sayWeekday(day.dayOfWeek, locale), day: sayDay(day, locale) })
}

/** A weekday, 1 for Monday to 7 for Sunday. */
export function sayWeekday(weekday: number, locale: Locale): string {
  return phrase(locale, `time.weekday.${weekday}`)
}

/** A day that needs its year: `3. Mai 2026`. */
export function sayDayWithYear(day: Temporal.PlainDate, locale: Locale): string {
  const { month, year } = day
  return phrase(locale, 'time.dayWithYear', {
    day: String(day.day),
    month: phrase(locale, `time.month.${month}`),
    year: String(year),
  })
}

function sayDay(day: Temporal.PlainDate, locale: Locale): string {
  return phrase(locale, 'time.day', { day: String(day.day), month: phrase(locale, `time.month.${day.month}`) })
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0')
}
