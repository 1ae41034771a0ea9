import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { composeSubject } from '../../../src/digest/compose/subject.ts'
import { plainLine } from '../../../src/locale/clean-line.ts'

describe('composeSubject', () => {
  test('says the headline, then the newsletter', () => {
    expect(composeSubject('Kurz und gut', 'Welt', 'de')).toBe('Kurz und gut – Welt')
  })

  test('shortens the headline at a word, without a dangling article', () => {
    const headline = 'Bundestag beschließt Reform des Energiemarktes und mehr'
    expect(composeSubject(headline, 'Welt & Technik', 'de')).toBe('Bundestag beschließt Reform\u00a0… – Welt & Technik')
  })

  test('stays under 60 characters unless the newsletter’s name is long', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.string({ maxLength: 30 }), (headline, name) => {
        expect(composeSubject(plainLine(headline), plainLine(name), 'de').replaceAll('{ ', '{').length).toBeLessThan(60)
      }),
    )
  })

  test('shows at least 24 characters of the headline beside a long name', () => {
    const subject = composeSubject('Eins zwei drei vier fünf sechs sieben', 'N'.repeat(50), 'en')
    expect(subject).toBe(`Eins zwei drei vier… – ${'N'.repeat(50)}`)
  })

  test('holds no control character and nothing that reads like a template tag', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (headline) => {
        const subject = composeSubject(plainLine(headline), 'N', 'de')
        expect(subject).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]|\{\{|\{%/)
        expect(subject.isWellFormed()).toBe(true)
      }),
    )
    expect(composeSubject(plainLine('{{ 7|times:7 }}\r\nBcc: a@b.c'), 'N', 'de')).toBe(
      '{ { 7|times:7 }} Bcc: a@b.c – N',
    )
  })

  test('is the newsletter’s name where there is no headline', () => {
    expect(composeSubject(null, 'Welt', 'de')).toBe('Welt')
  })
})
