import { plainLine, plainLines } from '../../locale/clean-line.ts'
import { type Locale, phrase } from '../../locale/locale.ts'
import { sayWhen } from '../../locale/say-when.ts'
import { cutAtWord } from '../../locale/shorten.ts'
import type { Branding } from '../../newsletters/branding/branding.ts'
import type { ReaderTiming } from './reader-fields.ts'
import { withoutTags } from './subject.ts'

/** A newsletter that was asked for, when its editions would come, and its imprint. */
export type RequestedSubscription = Pick<ReaderTiming, 'frequency' | 'weekday' | 'hour' | 'zone'> & {
  readonly name: string
  readonly imprint: string
}

/** Everything the mail that asks for confirmation is made of; nothing of it is the asker's own text. */
export type ConfirmationInput = {
  readonly kind: 'confirmation' | 'reminder'
  readonly locale: Locale
  /** Of the first newsletter. */
  readonly branding: Branding
  readonly asked: readonly RequestedSubscription[]
  readonly address: string
  readonly confirmUrl: string
}

/** The view model its template sees: clean plain text only. */
export type ConfirmationView = {
  readonly kind: ConfirmationInput['kind']
  readonly locale: Locale
  readonly branding: Branding
  readonly subject: string
  readonly preheader: string
  /** The first one asked for, whose mail this is. */
  readonly newsletter: { readonly name: string }
  readonly request: string
  readonly asked: readonly { readonly name: string; readonly when: string }[]
  readonly confirmUrl: string
  /** What happens when the reader does nothing. */
  readonly otherwise: string
  readonly address: string
  readonly imprint: readonly string[]
  readonly words: Readonly<Record<'confirm' | 'imprint' | 'sentTo', string>>
}

const MAX_NAME = 80
/** As a digest's subject: mail programs show about this much. */
const MAX_SUBJECT = 59
const LEAST_NAME = 16
const MAX_PREHEADER = 120

/** Says what is to be confirmed, and what happens otherwise. */
export function composeConfirmation(input: ConfirmationInput): ConfirmationView {
  const { kind, locale, branding, confirmUrl, address } = input
  const asked = input.asked.map((one) => ({
    name: cutAtWord(plainLine(one.name), MAX_NAME, locale),
    when: sayWhen(one, locale),
  }))
  const count = asked.length
  return {
    kind,
    locale,
    branding,
    subject: subjectOf(
      kind,
      locale,
      asked.map((one) => one.name),
    ),
    preheader: cutAtWord(asked.map((one) => `${one.name}: ${one.when}`).join(' · '), MAX_PREHEADER, locale),
    newsletter: { name: asked[0]?.name ?? '' },
    request: phrase(locale, `notice.${kind}.request`, { count }),
    asked,
    confirmUrl,
    otherwise: phrase(locale, `notice.${kind}.otherwise`),
    address,
    imprint: imprintOf(input.asked),
    words: {
      confirm: phrase(locale, 'notice.confirm'),
      imprint: phrase(locale, 'digest.imprint'),
      sentTo: phrase(locale, 'digest.sentTo'),
    },
  }
}

/** The imprint; where there are several, each under the newsletter's name. */
function imprintOf(asked: readonly RequestedSubscription[]): string[] {
  const imprints = new Map(asked.toReversed().map((one) => [one.imprint.trim(), plainLine(one.name)]))
  imprints.delete('')
  if (imprints.size < 2) return [...imprints.keys()].flatMap(plainLines)
  return [...imprints].toReversed().flatMap(([imprint, name]) => [`${name}:`, ...plainLines(imprint)])
}

/** The subject's words, and as much of the names as there is room for. */
function subjectOf(kind: ConfirmationInput['kind'], locale: Locale, names: readonly string[]): string {
  const more = names.length > 1 ? phrase(locale, 'notice.more', { count: names.length - 1 }) : ''
  const without = phrase(locale, `notice.${kind}.subject`, { names: more })
  const name = cutAtWord(names[0] ?? '', Math.max(LEAST_NAME, MAX_SUBJECT - without.length), locale)
  return withoutTags(phrase(locale, `notice.${kind}.subject`, { names: `${name}${more}` }))
}
