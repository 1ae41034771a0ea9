import type { Temporal } from '../clock.ts'
import type { Frequency } from '../db/schema/newsletter.ts'
import { sayDate, sayWeekday } from './dates.ts'
import { type Locale, phrase } from './locale.ts'

/** How often and when: `weekday` 1 (Monday) to 7, `hour` 0 to 23 in `zone`. */
type Timing = {
  readonly frequency: Frequency
  readonly weekday: number | null
  readonly hour: number | null
  readonly zone: string
}

/** How often and when a choice brings a digest: `täglich um 7:00 (Europe/Berlin)`. */
export function sayWhen({ frequency, weekday, hour, zone }: Timing, locale: Locale): string {
  return phrase(locale, `frequency.${frequency}.when`, {
    time: `${hour ?? 0}:00`,
    weekday: sayWeekday(weekday ?? 1, locale),
    zone,
  })
}

/** An instant in a reader's zone, which it names: `am Montag, 4. Mai um 7:00 Uhr (Europe/Berlin)`. */
export function sayMoment(at: Temporal.Instant, zone: string, locale: Locale): string {
  const { hour, minute } = at.toZonedDateTimeISO(zone)
  const time = `${hour}:${String(minute).padStart(2, '0')}`
  return phrase(locale, 'pages.moment', { date: sayDate(at, zone, locale), time, zone })
}

/** `A, B und C`. */
export function sayList(names: readonly string[], locale: Locale): string {
  return new Intl.ListFormat(locale, { type: 'conjunction' }).format(names)
}

/** With a capital, as a sentence begins. */
export function capitalised(text: string, locale: Locale): string {
  const [first = '', ...rest] = text
  return first.toLocaleUpperCase(locale) + rest.join('')
}
