import type { Frequency } from '../../db/schema/newsletter.ts'
import { checkAddress } from '../../mail/addresses/address.ts'
import type { Newsletter } from '../../newsletters/newsletters.ts'
import { topicKey } from '../../newsletters/topics.ts'
import { type PreferenceTexts, readPreferences, type SchedulePatch } from '../../subscribers/preferences/preferences.ts'
import type { Form } from '../middleware/read-form.ts'

/** The form's fields, by the names they are posted under; `topics` stands for `topics[]` as well. */
const FIELDS = ['newsletter', 'email', 'name', 'frequency', 'weekday', 'hour', 'timeZone', 'topics'] as const
export type Field = (typeof FIELDS)[number]

/** What was typed, to be shown again; what could not be read is empty. */
export type EnteredFields = Readonly<Record<Exclude<Field, 'newsletter' | 'topics'>, string>> & {
  readonly newsletter: readonly string[]
  readonly topics: readonly string[]
}

/** What is wrong with a field, by its sentence in `pages.wrong`. */
type FieldError = { readonly sentence: string; readonly values?: Readonly<Record<string, string | number>> }
export type FieldErrors = Partial<Readonly<Record<Field, FieldError>>>

/** What is asked for, once nothing is wrong. */
export type FormSubmission = {
  readonly address: string
  /** A likelier address than the one typed. */
  readonly suggestion: string | null
  readonly name: string | null
  readonly schedule: SchedulePatch
  readonly topics: readonly string[]
}

const LONGEST: Readonly<Record<Field, number>> = {
  newsletter: 63,
  email: 320,
  name: 100,
  frequency: 20,
  weekday: 2,
  hour: 2,
  timeZone: 64,
  topics: 200,
}
const CHOICE = ['frequency', 'weekday', 'hour', 'timeZone'] as const
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u
const WEB_ADDRESS = /:\/\/|\bwww\./i
const ADDRESSES = /@.*@/s

/** The texts of a form as typed, and what about them as texts is wrong: unreadable, too long, twice, of several lines. */
export function readTexts(form: Form): { readonly typed: EnteredFields; readonly wrongs: FieldErrors } {
  const values = (field: Field) => [
    ...(form.get(field) ?? []),
    ...(field === 'topics' ? (form.get('topics[]') ?? []) : []),
  ]
  const text = (field: Field) => (values(field).length > 1 ? '' : (values(field)[0] ?? ''))
  const texts = (field: Field) => values(field).filter((value) => value !== null && value !== '') as string[]
  const wrongs = FIELDS.map((field) => [field, whyNotText(field, values(field))] as const)
  return {
    typed: {
      newsletter: texts('newsletter'),
      email: text('email'),
      name: text('name'),
      frequency: text('frequency'),
      weekday: text('weekday'),
      hour: text('hour'),
      timeZone: text('timeZone'),
      topics: texts('topics'),
    },
    wrongs: Object.fromEntries(wrongs.filter(([, wrong]) => wrong !== null)),
  }
}

function whyNotText(field: Field, values: readonly (string | null)[]): FieldError | null {
  const most = LONGEST[field]
  if (values.includes(null)) return { sentence: 'unreadable' }
  if (values.length > 1 && field !== 'newsletter' && field !== 'topics') return { sentence: 'twice' }
  if (values.some((value) => (value?.length ?? 0) > most)) return { sentence: 'tooLong', values: { most } }
  // White space around an address is dropped, line ends too: people paste them.
  if (values.some((value) => CONTROL.test(field === 'email' ? (value ?? '').trim() : (value ?? '')))) {
    return { sentence: 'control' }
  }
  return null
}

/** What is asked of these newsletters, or what is wrong; all of them offer `frequencies`, any of them `topics`. */
export function readSubmission(
  typed: EnteredFields,
  newsletters: readonly Newsletter[],
  frequencies: readonly Frequency[],
  topics: readonly string[],
): { readonly asked: FormSubmission; readonly wrongs: FieldErrors } {
  const checked = checkAddress(typed.email)
  const { parts } = readPreferences(typed)
  const known = new Map(topics.map((name) => [topicKey(name), name]))
  const picked = typed.topics.map((name) => known.get(topicKey(name)) ?? null)
  const wrongs: Record<Field, FieldError | null> = {
    newsletter: newsletters.length === 0 ? { sentence: 'newsletter' } : null,
    email: checked.address === null ? whyNotAddress(typed.email, checked.suggestion) : null,
    name: WEB_ADDRESS.test(typed.name) ? { sentence: 'link' } : null,
    frequency: parts.frequency !== null && !frequencies.includes(parts.frequency) ? { sentence: 'frequency' } : null,
    weekday: null,
    hour: null,
    timeZone: null,
    topics: newsletters.length > 0 && picked.includes(null) ? { sentence: 'topics' } : null,
  }
  for (const field of CHOICE) wrongs[field] ??= whyNotChoice(field, typed[field])
  return {
    wrongs: Object.fromEntries(Object.entries(wrongs).filter(([, wrong]) => wrong !== null)),
    asked: {
      address: checked.address ?? '',
      suggestion: checked.suggestion,
      name: typed.name.trim() || null,
      schedule: parts,
      topics: picked.filter((name) => name !== null),
    },
  }
}

function whyNotAddress(email: string, suggestion: string | null): FieldError {
  if (email.trim() === '') return { sentence: 'noAddress' }
  if (suggestion !== null) return { sentence: 'suggestion', values: { address: suggestion } }
  return { sentence: ADDRESSES.test(email) ? 'severalAddresses' : 'address' }
}

function whyNotChoice(field: (typeof CHOICE)[number], text: string): FieldError | null {
  const none: PreferenceTexts = { frequency: '', weekday: '', hour: '', timeZone: '' }
  return readPreferences({ ...none, [field]: text }).wrong.length === 0 ? null : { sentence: field }
}
