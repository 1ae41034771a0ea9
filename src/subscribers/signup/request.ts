import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { oneLine } from '../../locale/clean-line.ts'
import { checkAddress } from '../../mail/addresses/address.ts'
import { type Newsletter, readNewsletters } from '../../newsletters/newsletters.ts'
import { findPickable } from '../../newsletters/topics.ts'
import type { Evidence } from '../consent.ts'
import { countForm, type FormLimits } from '../form-limits.ts'
import type { SchedulePatch } from '../preferences/preferences.ts'
import type { ReaderLocale } from '../subscribers.ts'
import type { SignupRequest } from './candidate.ts'
import { signUp } from './sign-up.ts'

/** What a reader asks for on a form: newsletters with one choice for all; topics by name, none picks everything. */
export type FormRequest = {
  readonly newsletterIds: readonly number[]
  readonly email: string
  readonly name: string | null
  /** Of the page they asked on; null takes the newsletter's. */
  readonly locale: ReaderLocale | null
  readonly schedule: SchedulePatch
  readonly topics: readonly string[]
  readonly evidence: Evidence
}

/** A field of the form, and what is wrong with it; an address that was mistyped comes with a likelier one. */
export type WrongField = {
  readonly field: 'newsletter' | 'email' | 'name' | 'frequency' | 'topics'
  readonly problem: 'missing' | 'invalid' | 'unknown' | 'tooLong' | 'notOffered'
  readonly suggestion: string | null
}

/**
 * `requested` says nothing about the address: it is the answer whether that is new, known, confirmed, left or suppressed, and
 * also where a limit lets no mail go. `isAlarm`: this form is the first that the budget of the hour does not cover.
 */
export type FormAnswer =
  | { readonly kind: 'requested'; readonly isAlarm?: boolean }
  | { readonly kind: 'wrong'; readonly fields: readonly WrongField[] }

const LONGEST_NAME = 200
const UNLIMITED: FormLimits = { neighbourhood: null, perHour: null }

/**
 * Takes a reader's request for one or several newsletters, whose one confirmation mail names them all. A form proves
 * nothing about who filled it in: who has confirmed loses nothing, and no topic appears by it. Every address costs the same
 * statements, so that the time of the answer tells none from another; forms over `limits` are counted, and not heeded.
 *
 * @throws CourantError `subscriber.busy`; never for what was typed.
 */
export async function requestByForm(
  db: Database,
  request: FormRequest,
  now: Temporal.Instant,
  limits: FormLimits = UNLIMITED,
): Promise<FormAnswer> {
  const ids = [...new Set(request.newsletterIds)]
  const newsletters = [...(await readNewsletters(db, ids)).values()]
  const { address, suggestion } = checkAddress(request.email)
  const name = oneLine(request.name ?? '') || null
  const wrong = [
    ids.length === 0 ? wrongField('newsletter', 'missing') : null,
    newsletters.length < ids.length ? wrongField('newsletter', 'unknown') : null,
    request.email.trim() === '' ? wrongField('email', 'missing') : null,
    request.email.trim() !== '' && address === null ? wrongField('email', 'invalid', suggestion) : null,
    (name ?? '').length > LONGEST_NAME ? wrongField('name', 'tooLong') : null,
    newsletters.every(offers(request.schedule)) ? null : wrongField('frequency', 'notOffered'),
    (await areThere(db, newsletters, request.topics)) ? null : wrongField('topics', 'unknown'),
  ].filter((field) => field !== null)
  if (wrong.length > 0 || address === null) return { kind: 'wrong', fields: wrong }
  const { locale, schedule, topics, evidence: shown } = request
  const wishes = newsletters.map(({ id: newsletterId }): SignupRequest => {
    return {
      newsletterId,
      address,
      name,
      locale,
      format: null,
      schedule: schedule,
      topics,
      by: 'reader',
      confirmed: null,
      shown,
    }
  })
  const { isHeeded, isAlarm } = await countForm(db, { address, ip: shown.ip }, limits, now)
  if (isHeeded) await signUp(db, wishes, now)
  return isAlarm ? { kind: 'requested', isAlarm } : { kind: 'requested' }
}

function wrongField(
  field: WrongField['field'],
  problem: WrongField['problem'],
  suggestion: string | null = null,
): WrongField {
  return { field, problem, suggestion }
}

const offers =
  ({ frequency }: SchedulePatch) =>
  ({ frequencies }: Newsletter) =>
    frequency === null || frequencies.includes(frequency)

/** Whether each topic is one of at least one of the newsletters, and not hidden there. */
async function areThere(db: Database, newsletters: readonly Newsletter[], names: readonly string[]): Promise<boolean> {
  const preferences = newsletters.flatMap(({ id: newsletterId }) => names.map((name) => ({ newsletterId, name })))
  const idOf = await findPickable(db, preferences)
  return names.every((name) => newsletters.some(({ id }) => idOf(id, name) !== null))
}
