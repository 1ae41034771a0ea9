import de from '../../locales/de.json' with { type: 'json' }
import en from '../../locales/en.json' with { type: 'json' }
import { CourantError } from '../errors.ts'

/** The languages readers are addressed in. */
export type Locale = 'de' | 'en'

/** Every locale there is, in the order they are offered. */
export const LOCALES: readonly Locale[] = ['de', 'en']

type PhraseTree = { readonly [key: string]: string | PhraseTree }
const TREES: Record<Locale, PhraseTree> = { de, en }
/** Made once: making one costs as much as saying twenty phrases. */
const NUMBERS = { de: new Intl.NumberFormat('de'), en: new Intl.NumberFormat('en') }
const PLURALS = { de: new Intl.PluralRules('de'), en: new Intl.PluralRules('en') }

/** Whether `text` names a locale we have phrases for. */
export function isLocale(text: string): text is Locale {
  return text === 'de' || text === 'en'
}

/**
 * The phrase at `key` (`digest.more`), its `{placeholders}` filled and its plural form chosen by `values.count`;
 * numbers are written as the locale writes them. A missing phrase or value throws `locale.missing`.
 */
export function phrase(locale: Locale, key: string, values: Readonly<Record<string, string | number>> = {}): string {
  const text = findText(locale, key, values.count)
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw missing(locale, key, `Nothing was given for {${name}}.`)
    return typeof value === 'number' ? NUMBERS[locale].format(value) : value
  })
}

function findText(locale: Locale, key: string, count: string | number | undefined): string {
  let node: string | PhraseTree | undefined = TREES[locale]
  for (const part of key.split('.')) {
    node = typeof node === 'object' && Object.hasOwn(node, part) ? node[part] : undefined
  }
  if (typeof node === 'object' && typeof count === 'number') {
    node = node[PLURALS[locale].select(count)] ?? node.other
  }
  if (typeof node !== 'string') throw missing(locale, key, 'There is no such phrase.')
  return node
}

function missing(locale: Locale, key: string, why: string): CourantError {
  return new CourantError('locale.missing', {
    what: `The phrase "${key}" cannot be said in "${locale}".`,
    why,
    todo: `Correct locales/${locale}.json or the place that asks for it.`,
  })
}
