import type { Temporal } from '../../clock.ts'
import { type Locale, phrase } from '../locale.ts'
import { sayDate, sayDayWithYear, sayWeekday } from '../typography/times.ts'
import { wrap } from '../typography/wrap.ts'

/** What differs between two readers of one variant: ready text, or markers that a later stage replaces. */
export type ReaderFields = {
  readonly name: string
  readonly address: string
  /** The masthead's date. */
  readonly date: string
  /** Why the reader gets this mail: one sentence, in lines of a text part, which are blanks in HTML. */
  readonly reason: string
  readonly unsubscribeUrl: string
}

/** What of a reader a message shows; `weekday` is 1 (Monday) to 7, `hour` 0 to 23 in `zone`. */
export type Reader = {
  readonly email: string
  readonly name: string | null
  readonly tokenVersion: number
  readonly since: Temporal.Instant | null
  readonly rhythm: 'instant' | 'daily' | 'weekdays' | 'weekly' | 'monthly'
  readonly weekday: number | null
  readonly hour: number | null
  readonly zone: string
}

/** What the masthead's date and the reason depend on. */
export type ReaderTiming = Pick<Reader, 'since' | 'rhythm' | 'weekday' | 'hour' | 'zone'> & {
  readonly locale: Locale
  readonly at: Temporal.Instant
}

/** The masthead's date in the reader's zone, and the sentence that says why they get this mail. */
export function readerFields(timing: ReaderTiming): Pick<ReaderFields, 'date' | 'reason'> {
  const { locale, zone, at, since } = timing
  const when = sayWhen(timing)
  const reason = since
    ? phrase(locale, 'reader.reason', {
        when,
        since: sayDayWithYear(since.toZonedDateTimeISO(zone).toPlainDate(), locale),
      })
    : phrase(locale, 'reader.reasonUndated', { when })
  return { date: sayDate(at, zone, locale), reason: wrap(reason) }
}

/** When editions come, as said in the middle of a sentence: `täglich um 7:00 (Europe/Berlin)`. */
export function sayWhen({
  locale,
  zone,
  rhythm,
  weekday,
  hour,
}: Pick<ReaderTiming, 'locale' | 'zone' | 'rhythm' | 'weekday' | 'hour'>): string {
  return phrase(locale, `rhythm.${rhythm}.when`, {
    time: `${hour ?? 0}:00`,
    weekday: sayWeekday(weekday ?? 1, locale),
    zone,
  })
}
