import { Temporal } from '../../clock.ts'
import type { Frequency } from '../../db/schema/newsletter.ts'
import { oneLine } from '../../locale/clean-line.ts'
import { cleanAddress } from '../../mail/addresses/address.ts'
import type { Newsletter } from '../../newsletters/newsletters.ts'
import { readPreferences } from '../preferences/preferences.ts'
import type { SignupRequest } from '../signup/candidate.ts'
import type { ReaderLocale } from '../subscribers.ts'
import type { TableRow } from './csv/records.ts'
import type { Column, Header } from './header.ts'
import { isYes, readState } from './state-column.ts'

/** The cells of one row by column; a column the file does not have is empty. */
type RowCells = Readonly<Record<Column, string>>

/** What a row may refer to: newsletters by slug, and the one meant where a row names none. */
export type NewsletterLookup = { readonly bySlug: ReadonlyMap<string, Newsletter>; readonly meant: Newsletter | null }

/** A row read: a wish to subscribe, or why it cannot be one, and whom it says is not to be mailed. */
export type ReadRow =
  | { readonly wish: SignupRequest; readonly wrong: null; readonly unwanted: null }
  | { readonly wish: null; readonly wrong: string; readonly unwanted: Unwanted | null }

/** A reader whose row says that they get no mail of a newsletter. */
type Unwanted = Pick<SignupRequest, 'newsletterId' | 'address'>

const LONGEST = { name: 200, topic: 100, evidence: 10_000 }
const MOST_TOPICS = 100
export const FREQUENCY_NOT_OFFERED = 'The newsletter does not offer this frequency.'

/**
 * Reads one row of an import. Consent needs both confirmedAt and evidence; without one of them, or where the row says that
 * its reader has not confirmed, it stays pending.
 */
export function readRow(row: TableRow, header: Header, shelf: NewsletterLookup, now: Temporal.Instant): ReadRow {
  if (row.problem !== null) return { wish: null, wrong: row.problem, unwanted: null }
  const cells = cellsOf(row, header)
  const state = readState(header.stateColumns, row.cells)
  const newsletter = findMeant(cells.newsletter, shelf)
  const { address, reason } = cleanAddress(visibleOf(cells.email))
  const schedule = readPreferences(cells)
  const topics = splitTopics(cells.topics)
  const locale = readLocale(cells.locale)
  const confirmedAt = readTime(cells.confirmedAt, newsletter?.zone ?? 'UTC')
  const wrong = [
    state.kind === 'unwanted' ? state.reason : null,
    reason === null ? null : `The address is wrong: ${reason}`,
    ...whyNotKept(cells, topics),
    whyNotNewsletter(cells, newsletter, schedule.parts.frequency),
    cells.locale !== '' && locale === null ? 'The locale takes de or en.' : null,
    ...schedule.wrong,
    cells.confirmedAt !== '' && confirmedAt === null ? 'confirmedAt takes a time such as 2025-03-31T12:00:00Z.' : null,
    confirmedAt !== null && Temporal.Instant.compare(confirmedAt, now) > 0 ? 'confirmedAt lies in the future.' : null,
  ].filter((sentence) => sentence !== null)
  const isKnown = address !== null && newsletter !== null
  const unwanted = state.kind === 'unwanted' && isKnown ? { newsletterId: newsletter.id, address } : null
  if (wrong.length > 0 || !isKnown) return { wish: null, wrong: wrong.join(' '), unwanted }
  const isProven = confirmedAt !== null && cells.evidence !== '' && state.kind !== 'unconfirmed'
  const wish = {
    newsletterId: newsletter.id,
    address,
    name: readName(cells) || null,
    locale,
    format: null,
    schedule: schedule.parts,
    topics: topics.length === 0 ? null : topics,
    by: 'import',
    confirmed: isProven ? { evidence: cells.evidence, at: confirmedAt } : null,
  } as const
  return { wish, wrong: null, unwanted: null }
}

function cellsOf({ cells }: TableRow, { places }: Header): RowCells {
  const cell = (column: Column) => cells[places[column] ?? -1] ?? ''
  return {
    email: cell('email'),
    name: cell('name'),
    firstName: cell('firstName'),
    lastName: cell('lastName'),
    locale: cell('locale'),
    newsletter: cell('newsletter'),
    topics: cell('topics'),
    frequency: cell('frequency'),
    weekday: cell('weekday'),
    hour: cell('hour'),
    timeZone: cell('timeZone'),
    confirmedAt: cell('confirmedAt'),
    evidence: cell('evidence'),
  }
}

function whyNotKept(cells: RowCells, topics: readonly string[]): readonly (string | null)[] {
  const name = readName(cells)
  return [
    Object.values(cells).some((cell) => /[\0\uFFFD]/.test(cell)) ? 'The row has characters that are no text.' : null,
    name.length > LONGEST.name ? `The name takes at most ${LONGEST.name} characters.` : null,
    // The rows of other readers, between two stray quotation marks.
    [cells.name, cells.firstName, cells.lastName].some((cell) => /[\r\n]/.test(cell) && /\S@\S/.test(cell))
      ? 'The name contains another address; a quotation mark may be missing.'
      : null,
    topics.length > MOST_TOPICS || topics.some((topic) => topic.length > LONGEST.topic)
      ? `Topics take at most ${MOST_TOPICS} names of ${LONGEST.topic} characters.`
      : null,
    cells.evidence.length > LONGEST.evidence ? `The evidence takes at most ${LONGEST.evidence} characters.` : null,
  ]
}

/** A column “Newsletter” may say only that its reader wants one. */
function findMeant(cell: string, { bySlug, meant }: NewsletterLookup): Newsletter | null {
  return bySlug.get(cell.toLowerCase()) ?? (cell === '' || isYes(cell) ? meant : null)
}

function whyNotNewsletter(cells: RowCells, newsletter: Newsletter | null, frequency: Frequency | null): string | null {
  if (newsletter === null)
    return cells.newsletter === '' ? 'The row names no newsletter.' : 'There is no such newsletter.'
  return frequency === null || newsletter.frequencies.includes(frequency) ? null : FREQUENCY_NOT_OFFERED
}

/** What nobody sees and no address has: marks of direction, joiners, soft hyphens, byte order marks, selectors. */
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu

const visibleOf = (cell: string) => cell.replace(INVISIBLE, '')

/** A name as one line; joiners stay, without which some scripts and emoji are not what they are. */
function readName({ name, firstName, lastName }: RowCells): string {
  const [whole, first, last] = [name, firstName, lastName].map((cell) =>
    oneLine(cell.replace(/(?![\u200c\u200d])[\p{Cf}]/gu, '')),
  )
  if (!whole) return [first, last].filter(Boolean).join(' ')
  // German lists name the family in “Name” beside “Vorname”.
  return first && !last && !whole.includes(first) ? `${first} ${whole}` : whole
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
