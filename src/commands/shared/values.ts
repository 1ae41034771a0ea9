import { Temporal } from '../../clock.ts'
import { CourantError } from '../../errors.ts'
import { checkAddress } from '../../mail/addresses/address.ts'
import { isSlug } from '../../newsletters/settings.ts'
import { type PreferenceTexts, readPreferences } from '../../subscribers/preferences/preferences.ts'

/**
 * Reads what somebody wrote for an option or argument; `name` in the functions below is what help calls that (`--limit`,
 * `<id>`). Each throws CourantError `usage`, which names it and says what it takes.
 */
type Read<Value> = (text: string) => Value

const MOST_SHOWN = 60
const LONGEST_LINE = 500
const LONGEST_TEXT = 5_000
const LONGEST_URL = 2_000
const LONGEST_PATH = 4_000
/** What the database keeps and prints as four digits. */
const FIRST = Temporal.Instant.from('1970-01-01T00:00:00Z')
const LAST = Temporal.Instant.from('9999-12-31T23:59:59Z')

/** A whole number from `least` to `most`. */
export function wholeNumber(name: string, least: number, most: number): Read<number> {
  return (text) => {
    const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= most) return number
    throw wrong(name, `a whole number from ${least} to ${most}`, text)
  }
}

/** The id of a row; `hint` says what lists the ids. */
export function rowId(name: string, hint: string): Read<number> {
  return (text) => {
    const id = /^\d{1,16}$/.test(text) ? Number(text) : 0
    if (id >= 1 && Number.isSafeInteger(id)) return id
    throw wrong(name, `an id, a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`, text, hint)
  }
}

/** The id of a row, or its URL. */
export function idOrUrl(name: string, hint: string): Read<string> {
  const [readId, readUrl] = [rowId(name, hint), url(name)]
  return (text) => (/^-?[\d.]*$/.test(text) ? String(readId(text)) : readUrl(text))
}

/** One of these words. */
export function oneOf<Value extends string>(name: string, values: readonly Value[]): Read<Value> {
  return (text) => {
    const value = values.find((known) => known === text)
    if (value !== undefined) return value
    throw wrong(name, `one of ${values.join(', ')}`, text)
  }
}

/** The short name of a newsletter, which there may be or not. */
export function slug(name: string): Read<string> {
  return (text) => {
    if (isSlug(text)) return text
    throw wrong(name, "a newsletter's short name, 1 to 63 of a–z, 0–9 and hyphens", text, LIST_NEWSLETTERS)
  }
}

const LIST_NEWSLETTERS = '"courant newsletter list" shows them.'

/** An instant with its offset, from 1970 to 9999. */
export function instantValue(name: string): Read<Temporal.Instant> {
  return (text) => {
    try {
      const at = Temporal.Instant.from(text)
      if (Temporal.Instant.compare(at, FIRST) >= 0 && Temporal.Instant.compare(at, LAST) <= 0) return at
    } catch {
      // Said below.
    }
    throw wrong(name, 'an instant from 1970 to 9999, such as 2026-05-03T07:00:00Z', text)
  }
}

/** One mail address, as it is kept. What was written is not repeated: it may be somebody's address all the same. */
export function address(name: string): Read<string> {
  return (text) => {
    const { address: clean, reason } = checkAddress(text)
    if (clean !== null) return clean
    throw usage(`${name} takes one address. ${reason}`, 'Try it with "courant subscriber check-address".')
  }
}

/** A part of a choice as people write it: frequency, weekday, hour or time zone. */
export function choicePart(name: string, part: keyof PreferenceTexts): Read<string | number> {
  const nothing: PreferenceTexts = { frequency: '', weekday: '', hour: '', timeZone: '' }
  return (text) => {
    const { parts, wrong } = readPreferences({ ...nothing, [part]: text })
    const value = part === 'timeZone' ? parts.zone : parts[part]
    if (value !== null) return value
    throw usage(`${name} is wrong. ${wrong[0] ?? 'It is empty.'}`)
  }
}

/** One line of free text, empty only where `orNone`. What was written is not repeated: it may be secret. */
export function line(name: string, orNone: 'orNone' | 'some' = 'some', most = LONGEST_LINE): Read<string> {
  return (text) => {
    if (text === '' && orNone === 'some') throw usage(`${name} is empty.`)
    if (text.length <= most && !/\p{Cc}/u.test(text)) return text
    throw usage(`${name} takes one line of at most ${most} characters.`)
  }
}

/** Free text of several lines. */
export function lines(name: string): Read<string> {
  return (text) => {
    if (text === '') throw usage(`${name} is empty.`)
    if (text.length <= LONGEST_TEXT && !/[^\P{Cc}\n\r\t]/u.test(text)) return text
    throw usage(`${name} takes at most ${LONGEST_TEXT} characters, and no control characters.`)
  }
}

/** What may be a URL; the stage that takes it says whether it is. */
export const url = (name: string): Read<string> => line(name, 'some', LONGEST_URL)

/** The path of a file, which there may be or not. */
export const file = (name: string): Read<string> => line(name, 'some', LONGEST_PATH)

/** Reads an argument that may be given more than once. */
export function many<Value>(read: Read<Value>): (text: string, before?: readonly Value[]) => readonly Value[] {
  return (text, before = []) => [...before, read(text)]
}

/** Wrong usage of the option or argument `name`, which takes something else than `got`. */
export function wrong(name: string, takes: string, got: string, hint?: string): CourantError {
  return usage(`${name} takes ${takes}, and got ${quote(got)}.`, hint)
}

/** What somebody wrote, fit for a message: cut, and without control characters. */
export function quote(text: string): string {
  return JSON.stringify(text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text)
}

function usage(what: string, todo = 'Run the command with --help.'): CourantError {
  return new CourantError('usage', { what, todo })
}
