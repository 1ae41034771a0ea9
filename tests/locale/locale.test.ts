import { describe, expect, test } from 'vitest'
import de from '../../locales/de.json' with { type: 'json' }
import en from '../../locales/en.json' with { type: 'json' }
import { LOCALES, phrase } from '../../src/locale/locale.ts'

function leaves(tree: object, path = ''): string[] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'string'
      ? [`${path}${key} ${(value.match(/\{\w+\}/g) ?? []).sort().join()}`]
      : leaves(value, `${path}${key}.`),
  )
}

describe('phrase', () => {
  test('both locales say the same things with the same placeholders', () => {
    expect(leaves(en).sort()).toEqual(leaves(de).sort())
  })

  test('fills placeholders and chooses the plural form', () => {
    expect(phrase('en', 'digest.more', { count: 1 })).toBe('and 1\u00a0more article')
    expect(phrase('de', 'digest.more', { count: 1200 })).toBe('und 1.200\u00a0weitere Artikel')
  })

  test('a missing phrase or value throws, naming it', () => {
    expect(() => phrase('de', 'digest.nothing')).toThrow(/"digest\.nothing" cannot be said in "de"/)
    expect(() => phrase('de', 'digest.times')).toThrow(/\{zone\}/)
    expect(() => phrase('de', 'digest')).toThrow(/digest/)
    expect(() => phrase('de', 'constructor.name')).toThrow(/constructor/)
  })

  test('no line breaks between a number and what it counts', () => {
    for (const text of [JSON.stringify(de), JSON.stringify(en)]) {
      expect(text).toMatch(/\{count\}\u00a0\p{L}/u)
      expect(text).not.toMatch(/(\{(count|minutes|most|time|hour|day)\}\.?|(?<!UTF-)\d) \p{L}/u)
    }
  })

  test('German quotation marks are „…“ and no phrase shouts', () => {
    for (const text of [JSON.stringify(de), JSON.stringify(en)]) expect(text).not.toMatch(/\\"|!/)
    expect(LOCALES).toEqual(['de', 'en'])
  })
})
