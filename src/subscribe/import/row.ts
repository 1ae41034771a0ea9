import { Temporal } from '../../clock.ts'
import { checkAddress } from '../../mail/address/address.ts'
import { readChoice } from '../choice/choice.ts'
import type { Enrolment } from '../enrol/candidate.ts'
import { oneLine, type ReaderLocale } from '../enrol/subscriber.ts'
import type { Newsletter } from '../newsletter/newsletters.ts'

/** The columns of an import; a header names them in any order, case and spelling (`time_zone`, `E-Mail`). */
export const COLUMNS = [
  'email',
  'name',
  'locale',
  'newsletter',
  'topics',
  'rhythm',
  'weekday',
  'hour',
  'timeZone',
  'confirmedAt',
  'evidence',
] as const
export type Column = (typeof COLUMNS)[number]

/** The cells of one row by column; a column the file does not have is empty. */
export type Cells = Readonly<Record<Column, string>>

/** What a row may refer to: newsletters by slug, and the one meant where a row names none. */
export type Shelf = { readonly bySlug: ReadonlyMap<string, Newsletter>; readonly meant: Newsletter | null }

/** A row read: a wish to subscribe, or why it cannot be one. */
export type ReadRow =
  | { readonly wish: Enrolment; readonly wrong: null }
  | { readonly wish: null; readonly wrong: string }

const LONGEST = { name: 200, topic: 100, evidence: 10_000 }
const MOST_TOPICS = 100

/** Reads one row of an import. Consent needs both confirmedAt and evidence; without one of them the row stays pending. */
export function readRow(cells: Cells, shelf: Shelf, now: Temporal.Instant): ReadRow {
  const newsletter = cells.newsletter === '' ? shelf.meant : (shelf.bySlug.get(cells.newsletter.toLowerCase()) ?? null)
  const { address, reason } = checkAddress(cells.email)
  const choice = readChoice(cells)
  const topics = splitTopics(cells.topics)
  const locale = readLocale(cells.locale)
  const confirmedAt = readTime(cells.confirmedAt, newsletter?.zone ?? 'UTC')
  const wrong = [
    Object.values(cells).some((cell) => /[\0\uFFFD]/.test(cell)) ? 'The row is not UTF-8 text.' : null,
    newsletter === null
      ? cells.newsletter === ''
        ? 'The row names no newsletter.'
        : 'There is no such newsletter.'
      : null,
    reason === null ? null : `The address is wrong: ${reason}`,
    cells.locale !== '' && locale === null ? 'The locale takes de or en.' : null,
    ...choice.wrong,
    cells.name.length > LONGEST.name ? `The name takes at most ${LONGEST.name} characters.` : null,
    topics.length > MOST_TOPICS || topics.some((topic) => topic.length > LONGEST.topic)
      ? `Topics take at most ${MOST_TOPICS} names of ${LONGEST.topic} characters.`
      : null,
    cells.confirmedAt !== '' && confirmedAt === null ? 'confirmedAt takes a time such as 2025-03-31T12:00:00Z.' : null,
    confirmedAt !== null && Temporal.Instant.compare(confirmedAt, now) > 0 ? 'confirmedAt lies in the future.' : null,
    cells.evidence.length > LONGEST.evidence ? `The evidence takes at most ${LONGEST.evidence} characters.` : null,
  ].filter((sentence) => sentence !== null)
  if (wrong.length > 0 || address === null || newsletter === null) return { wish: null, wrong: wrong.join(' ') }
  const wish = {
    newsletterId: newsletter.id,
    address,
    name: oneLine(cells.name) || null,
    locale,
    format: null,
    choice: choice.parts,
    topics: topics.length === 0 ? null : topics,
    by: 'import',
    confirmed: confirmedAt === null || cells.evidence === '' ? null : { evidence: cells.evidence, at: confirmedAt },
  } as const
  return { wish, wrong: null }
}

/** Topic names of one text, separated by `|`, `;` or `,`. */
export function splitTopics(text: string): readonly string[] {
  return text.split(/[|;,]/).flatMap((name) => name.trim() || [])
}

/** `de` or `en` from a language tag such as `de-AT`, or null. */
function readLocale(text: string): ReaderLocale | null {
  const language = text.toLowerCase().split(/[-_]/)[0]
  return language === 'de' || language === 'en' ? language : null
}

/** An instant in ISO 8601; a time without offset, or a date, is meant in `zone`. */
function readTime(text: string, zone: string): Temporal.Instant | null {
  if (text === '') return null
  try {
    return Temporal.Instant.from(text)
  } catch {
    // no offset
  }
  try {
    return Temporal.PlainDateTime.from(text).toZonedDateTime(zone).toInstant()
  } catch {
    return null
  }
}
