import { createHash } from 'node:crypto'
import { type Locale, phrase } from '../../locale/locale.ts'
import type { Evidence } from '../../subscribers/consent.ts'
import type { Site, SiteContext } from '../context.ts'
import { visitorOf } from '../middleware/visitor.ts'

/** A sentence and the button under it, by their names in `pages`, and what is filled into the sentence. */
export type ShownText = {
  readonly sentence: string
  readonly button: string
  readonly values: Readonly<Record<string, string>>
}

const VERSION_LETTERS = 12
const LONGEST_ORIGIN = 260

/** What the page of `shown` says, exactly as it says it. */
export function describeShown({ sentence, values }: ShownText, locale: Locale): string {
  return phrase(locale, `pages.${sentence}`, values)
}

/** Proof for a form that another site shows: its words are not known, only where it stood. */
export function externalEvidence(site: Site, c: SiteContext): Evidence {
  const origin = c.req.header('origin')?.slice(0, LONGEST_ORIGIN) ?? 'unknown'
  return { shown: `Form of another site: ${origin}`, textVersion: 'foreign', ...visitorOf(site, c) }
}

/** Proof of what a reader was shown when they pressed the button: the very words, and the version of their text. */
export function formEvidence(site: Site, c: SiteContext, shown: ShownText, locale: Locale): Evidence {
  const button = phrase(locale, `pages.${shown.button}`)
  const unfilled = Object.fromEntries(Object.keys(shown.values).map((name) => [name, `{${name}}`]))
  const text = `${phrase(locale, `pages.${shown.sentence}`, unfilled)} [${button}]`
  return {
    shown: `${describeShown(shown, locale)} [${button}]`,
    textVersion: createHash('sha256').update(text).digest('hex').slice(0, VERSION_LETTERS),
    ...visitorOf(site, c),
  }
}
