import type { Temporal } from '../../clock.ts'
import type { Frequency } from '../../db/schema/newsletter.ts'
import { sayDate, sayDayWithYear } from '../../locale/dates.ts'
import { type Locale, phrase } from '../../locale/locale.ts'
import { sayWhen } from '../../locale/say-when.ts'
import { wrap } from '../../locale/wrap-text.ts'

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
  readonly frequency: Frequency
  readonly weekday: number | null
  readonly hour: number | null
  readonly zone: string
}

/** What the masthead's date and the reason depend on. */
export type ReaderTiming = Pick<Reader, 'since' | 'frequency' | 'weekday' | 'hour' | 'zone'> & {
  readonly locale: Locale
  readonly at: Temporal.Instant
}

/** What of a reader's timing is said in a mail. */
export type TimingFields = Pick<ReaderFields, 'date' | 'reason'>

/** The masthead's date in the reader's zone, and the sentence that says why they get this mail. */
export function readerFields(timing: ReaderTiming): TimingFields {
  const { locale, zone, at, since } = timing
  return { date: sayDate(at, zone, locale), reason: sayReason(timing, since && saySince(since, zone, locale)) }
}

/** Zones differ from UTC by whole quarters of an hour, so that all instants of one are the same day. */
const QUARTER_MS = 15 * 60_000
/** Days of three years for a few hundred choices; then it begins anew. */
const MOST_KEPT = 20_000

/**
 * The same from memory where it was said before: many readers share frequency, hour, zone and the day they came. It takes
 * 1 µs instead of 60.
 */
export function memoizeReaderFields(): (timing: ReaderTiming) => TimingFields {
  const days = new Map<string, string>()
  const said = new Map<string, TimingFields>()
  return (timing) => {
    const { locale, zone, at, since, frequency, weekday, hour } = timing
    const sinceMs = since?.epochMilliseconds
    const day =
      since === null || sinceMs === undefined
        ? null
        : remember(days, `${Math.floor(sinceMs / QUARTER_MS)} ${zone} ${locale}`, () => saySince(since, zone, locale))
    const key = `${at.epochMilliseconds} ${locale} ${frequency} ${weekday} ${hour} ${zone} ${day}`
    return remember(said, key, () => ({ date: sayDate(at, zone, locale), reason: sayReason(timing, day) }))
  }
}

function remember<T>(known: Map<string, T>, key: string, make: () => T): T {
  const old = known.get(key)
  if (old !== undefined) return old
  if (known.size >= MOST_KEPT) known.clear()
  const made = make()
  known.set(key, made)
  return made
}

function sayReason(timing: ReaderTiming, since: string | null): string {
  const { locale } = timing
  const when = sayWhen(timing, locale)
  return wrap(
    since === null
      ? phrase(locale, 'reader.reasonUndated', { when })
      : phrase(locale, 'reader.reason', { when, since }),
  )
}

function saySince(since: Temporal.Instant, zone: string, locale: Locale): string {
  return sayDayWithYear(since.toZonedDateTimeISO(zone).toPlainDate(), locale)
}
