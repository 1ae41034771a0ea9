import type { Locale } from '../../locale/locale.ts'
import { cutAtWord } from '../../locale/shorten.ts'

/** Mail programs show about this many characters of a subject; ours stays under it. */
const MAX_SUBJECT = 59
/** The least of a headline worth showing beside a long newsletter name. */
const MIN_HEADLINE = 24
const MAX_NAME = 60
const MAX_PREHEADER = 120

/** The lead's headline, shortened at a word, then the newsletter's name; under 60 characters unless the name is long. */
export function composeSubject(headline: string | null, newsletter: string, locale: Locale): string {
  const name = cutAtWord(newsletter, MAX_NAME, locale)
  if (headline === null) return withoutTags(name)
  const suffix = name === '' ? '' : ` – ${name}`
  const room = Math.max(MIN_HEADLINE, MAX_SUBJECT - suffix.length)
  return withoutTags(`${cutAtWord(withoutTags(headline), room, locale)}${suffix}`)
}

/** What a mail program shows beside the subject: the second headline, so that the first is not said twice. */
export function composePreheader(text: string | null, locale: Locale): string {
  return text === null ? '' : cutAtWord(text, MAX_PREHEADER, locale)
}

/** Braces of a headline that reads like a template tag are set apart: no later stage may take it for one. */
export function withoutTags(text: string): string {
  return text.replace(/\{(?=[{%])/g, '{ ')
}
