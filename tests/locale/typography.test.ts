import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bindNumbers, plainLine } from '../../src/locale/clean-line.ts'
import { cutAtSentence, cutAtWord } from '../../src/locale/shorten.ts'
import { underline, widthOf, wrap } from '../../src/locale/wrap-text.ts'

describe('plainLine', () => {
  test.each([
    ['Zeile\r\n\teins\u2028zwei', 'Zeile eins zwei'],
    ['a\u0000b\u001b[31mc', 'ab[31mc'],
    ['\u202eeslaf\u202c \u2066x\u2069', 'eslaf x'],
    ['AT&amp;T &amp;amp; &quot;mehr&quot; &#8364;', 'AT&T & "mehr" €'],
    ['<p>Absatz</p><br/>neu', 'Absatz neu'],
    ['&lt;p&gt;x', 'x'],
    ['<<p>p>x', '< p>x'],
    ['1 <a und kein Ende', '1 ‹a und kein Ende'],
    ['<script>alert(1)</script>', '<script>alert(1)</script>'],
    ['halb \ud83d Emoji 👩‍👩‍👧 ganz', 'halb Emoji 👩‍👩‍👧 ganz'],
    ['10\u00a0% und  3.\u00a0Mai', '10\u00a0% und 3.\u00a0Mai'],
  ])('%j becomes %j', (given, expected) => {
    expect(plainLine(given)).toBe(expected)
  })

  test('leaves nothing that a plain text mail must not show, whatever comes in', () => {
    const hostile = fc.stringMatching(/^(&(amp;)*(lt|#60|gt|quot);|<|>|\/|p|br|a|x| |\u202e|\n)*$/)
    fc.assert(
      fc.property(hostile, (text) => {
        expect(plainLine(text)).not.toMatch(
          /<\/?(p|div|table|td|span|br|a)\b|&(amp|nbsp|quot|lt|gt|#\d+|#x[0-9a-f]+);|[\n\u202e]/,
        )
      }),
    )
  })
})

describe('cutAtWord', () => {
  test('leaves what fits', () => expect(cutAtWord('Ein Wort', 8, 'de')).toBe('Ein Wort'))
  test('ends at a word, German with a blank before the ellipsis', () => {
    expect(cutAtWord('Eins zwei, drei vier', 16, 'de')).toBe('Eins zwei\u00a0…')
    expect(cutAtWord('Eins zwei, drei vier', 16, 'en')).toBe('Eins zwei, drei…')
  })
  test('never cuts through an emoji or a combined letter', () => {
    expect(cutAtWord('👩‍👩‍👧'.repeat(10), 20, 'en')).toBe('👩‍👩‍👧👩‍👩‍👧…')
  })
})

describe('cutAtSentence', () => {
  test('ends with a whole sentence where one fits', () => {
    expect(cutAtSentence('Der erste Satz endet hier. Der zweite ist viel zu lang dafür.', 40, 'de')).toBe(
      'Der erste Satz endet hier.',
    )
  })
  test('takes neither an ordinal nor an abbreviation for a sentence’s end', () => {
    expect(cutAtSentence('Ab dem 3. Mai gilt z. B. für Dr. Muster etwas Neues und noch viel mehr.', 40, 'de')).toMatch(
      /\u00a0…$/,
    )
  })
  test('knows the full stop of Chinese and Japanese', () => {
    expect(cutAtSentence('これは最初の文です。これは二番目の文です。', 12, 'de')).toBe('これは最初の文です。')
  })
})

describe('a summary', () => {
  const SENTENCE = 'Der Rat der Stadt hat am Abend den neuen Plan für die Brücke beschlossen.'
  test.each([
    ['that stops in the middle ends with its last whole sentence', `${SENTENCE} Ob das Geld reicht, ist …`, SENTENCE],
    ['that stops with dots in brackets likewise', `${SENTENCE} Ob das Geld reicht [...]`, SENTENCE],
    ['keeps a title’s full stop', `${SENTENCE} Das sagt Prof. Muster, der …`, SENTENCE],
    ['keeps an ellipsis within a sentence', `${SENTENCE} Und dann … kam der Regen, und …`, SENTENCE],
    [
      'of one unfinished sentence stays as it is',
      'Der Rat der Stadt hat am Abend …',
      'Der Rat der Stadt hat am Abend …',
    ],
    [
      'that asks ends with the question',
      'Was wird aus der alten Brücke? Der Rat will …',
      'Was wird aus der alten Brücke?',
    ],
  ])('%s', (_, given, expected) => {
    expect(cutAtSentence(given, 80, 'de')).toBe(expected)
  })

  test('of one sentence somewhat too long is kept whole', () => {
    expect(cutAtSentence(`${SENTENCE} Mehr folgt.`, 60, 'de')).toBe(SENTENCE)
    expect(cutAtSentence(`${SENTENCE} Mehr folgt.`, 40, 'de')).toMatch(/\u00a0…$/)
  })
})

describe('bindNumbers', () => {
  test.each([
    ['am 3. Mai um 10 Uhr', 'am 3.\u00a0Mai um 10\u00a0Uhr'],
    ['on 3 May, 10 % of 5 million', 'on 3\u00a0May, 10\u00a0% of 5\u00a0million'],
    ['rund 9.000 km und 20 °C', 'rund 9.000\u00a0km und 20\u00a0°C'],
    ['§ 5 Abs. 2, z. B. für Dr. Muster', '§\u00a05 Abs.\u00a02, z.\u00a0B. für Dr.\u00a0Muster'],
    ['5 große Maler und 1990 Maifeiern', '5 große Maler und 1990 Maifeiern'],
    ['3 meters, 4 tons, 2 Mayas', '3 meters, 4 tons, 2 Mayas'],
  ])('%j becomes %j', (given, expected) => {
    expect(bindNumbers(given)).toBe(expected)
  })
})

describe('wrap', () => {
  test('no line is wider than 72 columns, and nothing but blanks is lost', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), (raw) => {
        const text = plainLine(raw)
        const wrapped = wrap(text)
        for (const line of wrapped.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(72)
        expect(wrapped.replace(/[ \n]/g, '')).toBe(text.replace(/ /g, ''))
      }),
    )
  })
  test('indents the lines after the first', () => expect(wrap('eins zwei drei', 9, 2)).toBe('eins zwei\n  drei'))
  test('keeps non-breaking blanks together', () => expect(wrap('am 3.\u00a0Mai', 6)).toBe('am\n3.\u00a0Mai'))
  test('counts East Asian characters twice and combining marks not at all', () => {
    expect([widthOf('東京'), widthOf('e\u0301'), widthOf('Grüße „x“')]).toEqual([4, 1, 9])
  })
  test('underlines as wide as the text', () => expect(underline('Welt', '=')).toBe('Welt\n===='))
})
