import { FREQUENCIES, type Frequency } from '../../db/schema/newsletter.ts'
import type { Schedule } from '../../newsletters/schedule/slots.ts'
import { canonicalZone } from '../../newsletters/schedule/time-zone.ts'

/** What of a choice was said; null for what was not. */
export type SchedulePatch = {
  readonly frequency: Frequency | null
  readonly weekday: number | null
  readonly hour: number | null
  readonly zone: string | null
}

/** The same as people write it, in options, forms and CSV cells; empty for what was not said. */
export type PreferenceTexts = {
  readonly frequency: string
  readonly weekday: string
  readonly hour: string
  readonly timeZone: string
}

/** What was read, and one sentence for each text that is wrong. */
type PreferencesReading = { readonly parts: SchedulePatch; readonly wrong: readonly string[] }

/** Reads what people write for frequency, weekday, hour and time zone; capitals do not matter. */
export function readPreferences(texts: PreferenceTexts): PreferencesReading {
  const frequency = FREQUENCIES.find((name) => name === texts.frequency.toLowerCase()) ?? null
  const weekday = readNumber(texts.weekday, 1, 7)
  const hour = readNumber(texts.hour, 0, 23)
  const zone = texts.timeZone === '' ? null : canonicalZone(texts.timeZone)
  const wrong = [
    texts.frequency !== '' && frequency === null ? `The frequency takes one of ${FREQUENCIES.join(', ')}.` : null,
    texts.weekday !== '' && weekday === null ? 'The weekday takes 1 (Monday) to 7 (Sunday).' : null,
    texts.hour !== '' && hour === null ? 'The hour takes 0 to 23.' : null,
    texts.timeZone !== '' && zone === null ? 'The time zone takes an IANA name such as Europe/Berlin.' : null,
  ]
  return { parts: { frequency, weekday, hour, zone }, wrong: wrong.filter((sentence) => sentence !== null) }
}

function readNumber(text: string, least: number, most: number): number | null {
  if (!/^\d{1,2}$/.test(text)) return null
  const number = Number(text)
  return number >= least && number <= most ? number : null
}

/** A whole choice: what was said, for the rest what held `before`; `homeHour` where an instant reader had no hour. */
export function completeSchedule(parts: SchedulePatch, before: Schedule, homeHour: number): Schedule {
  const frequency = parts.frequency ?? before.frequency
  return {
    frequency,
    weekday: frequency === 'weekly' ? (parts.weekday ?? before.weekday ?? 1) : null,
    hour: frequency === 'instant' ? null : (parts.hour ?? before.hour ?? homeHour),
    zone: parts.zone ?? before.zone,
  }
}

/** Whether two choices are the same, and so share a cohort. */
export function isSameSchedule(one: Schedule, other: Schedule): boolean {
  return scheduleKey(one) === scheduleKey(other)
}

/** A text that is equal for equal choices. */
export function scheduleKey(schedule: Schedule): string {
  return `${schedule.frequency} ${schedule.weekday ?? '-'} ${schedule.hour ?? '-'} ${schedule.zone}`
}
