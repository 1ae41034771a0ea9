import { findStateColumns, foldWord, type StateColumn } from './state-column.ts'

/** The columns of an import, and the names that they have in Courant and in other systems' exports; folded by `foldWord`. */
const NAMES = {
  email: `email emailaddress mail mailaddress emailid subscriber subscriberemail useremail contactemail memberemail
    emailadresse mailadresse adresseemail correoelectronico indirizzoemail emailadres adresemail`,
  name: 'name fullname displayname contactname subscribername vollstandigername vollername',
  firstName: 'firstname givenname fname vorname prenom',
  lastName: 'lastname surname familyname lname nachname familienname zuname',
  locale: 'locale',
  newsletter: 'newsletter',
  topics: 'topics',
  frequency: 'frequency rhythm',
  weekday: 'weekday',
  hour: 'hour',
  timeZone: 'timezone',
  confirmedAt: 'confirmedat',
  evidence: 'evidence',
} as const
export type Column = keyof typeof NAMES
const COLUMNS = Object.entries(NAMES).map(([column, names]) => ({ column, names: names.split(/\s+/) }))

/** What the header of an import says. */
export type Header = {
  readonly email: number
  /** The place of each column that the file has. */
  readonly places: Readonly<Partial<Record<Column, number>>>
  readonly stateColumns: readonly StateColumn[]
  /** Names of columns that an import leaves out. */
  readonly unknown: readonly string[]
}

/** The columns as a person may name them. */
export const KNOWN_COLUMNS =
  'email, name, locale, newsletter, topics, frequency, weekday, hour, timeZone, confirmedAt, evidence'

/** Reads the names of columns, in any order, case and spelling (`time_zone`, `E-Mail`); null where the address is in none or in two. */
export function readHeader(names: readonly string[]): Header | null {
  // An address is no name of a column: the file has no header.
  if (names.some((name) => /\S@\S/.test(name))) return null
  const folded = names.map(foldWord)
  const found = COLUMNS.map(({ column, names }) => [column, placesOf(folded, names)] as const)
  if (found.some(([, places]) => places.length > 1)) return null
  const places: Header['places'] = Object.fromEntries(
    found.flatMap(([column, [place]]) => (place === undefined ? [] : [[column, place]])),
  )
  const email = places.email
  if (email === undefined) return null
  const used = new Set(Object.values(places))
  const stateColumns = findStateColumns(names, used)
  const unknown = stateColumns.filter(({ telling, name }) => telling === 'other' && name !== '').map(({ name }) => name)
  return { email, places, stateColumns, unknown }
}

/** Where a column is: under its own name, else under one that others give it. */
function placesOf(folded: readonly string[], [own, ...others]: readonly string[]): readonly number[] {
  const named = (isNamed: (name: string) => boolean) => folded.flatMap((name, index) => (isNamed(name) ? [index] : []))
  const places = named((name) => name === own)
  return places.length > 0 ? places : named((name) => others.includes(name))
}
