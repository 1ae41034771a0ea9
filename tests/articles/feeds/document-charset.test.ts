import { describe, expect, test } from 'vitest'
import { decodeText } from '../../../src/articles/feeds/charset.ts'
import { readLabel } from '../../../src/articles/feeds/charset-labels.ts'

const prolog = (label: string) => Buffer.from(`<?xml version="1.0" encoding="${label}"?><rss>`)
const latin = (text: string) => Buffer.from(text, 'latin1')
const document = (label: string, bytes: Buffer) => Buffer.concat([prolog(label), bytes])
/** ニュース in Shift_JIS, EUC-JP. */
const NEWS_SJIS = Buffer.of(0x83, 0x6a, 0x83, 0x85, 0x81, 0x5b, 0x83, 0x58)
const NEWS_EUC = Buffer.of(0xa5, 0xcb, 0xa5, 0xe5, 0xa1, 0xbc, 0xa5, 0xb9)

describe('a charset', () => {
  test.each([
    ['ks_c_5601-1987', 'euc-kr'],
    ['cp949', 'euc-kr'],
    ['CP866', 'ibm866'],
    ['cp932', 'shift_jis'],
    ['cp-936', 'gbk'],
    ['EUC_JP', 'euc-jp'],
    ['x-sjis', 'shift_jis'],
    ['latin9', 'iso-8859-15'],
    ['iso8859_15', 'iso-8859-15'],
    ['iso-8859-1-windows-1252', 'windows-1252'],
    ['win-1251', 'windows-1251'],
    ['utf8mb4', 'utf-8'],
    ['utf-7', null],
    ['cp037', null],
    ['constructor', null],
  ])('%s is %s', (label, name) => {
    expect(readLabel(label)).toBe(name)
  })

  test('that servers name for any text gives way to the one the document names', () => {
    const body = document('euc-jp', NEWS_EUC)
    expect(decodeText(body, 'text/xml; charset=ISO-8859-1')).toContain('ニュース')
    expect(decodeText(body, 'text/xml; charset=shift_jis')).not.toContain('ニュース')
  })

  test('of two bytes a character is not believed of a document whose declaration has one', () => {
    expect(decodeText(document('utf-16', latin('Gr\xfc\xdfe')), null)).toContain('Grüße')
    expect(decodeText(document('unicode', latin('Gr\xfc\xdfe')), 'text/xml; charset=ucs-2')).toContain('Grüße')
  })

  test('is kept where a character was torn', () => {
    const torn = Buffer.concat([
      document('shift_jis', Buffer.concat([NEWS_SJIS, NEWS_SJIS, NEWS_SJIS])),
      Buffer.of(0x83),
    ])
    expect(decodeText(torn, null)).toContain('ニュースニュースニュース')
    const wide = Buffer.concat([Buffer.from('\ufeff<rss>ä', 'utf16le'), Buffer.of(0x41)])
    expect(decodeText(wide, null)).toBe('<rss>ä')
  })

  test('of one byte is not believed of UTF-8 with a stray byte', () => {
    const body = document(
      'windows-1251',
      Buffer.concat([Buffer.from('Привет всем'), latin('\xa0'), Buffer.from('читателям')]),
    )
    expect(decodeText(body, null)).toContain('Привет всем\u00a0читателям')
  })

  test('of seven bits that hides markup is never read', () => {
    expect(decodeText(document('utf-7', Buffer.from('+ADw-script+AD4-')), 'text/xml; charset=utf-7')).toContain(
      '+ADw-script',
    )
  })

  test.each([
    ['shift_jis', Buffer.concat([NEWS_SJIS, NEWS_SJIS, NEWS_SJIS, NEWS_SJIS]), 'ニュース'],
    ['euc-jp', Buffer.concat([NEWS_EUC, NEWS_EUC, NEWS_EUC]), 'ニュース'],
    [
      'windows-1251',
      latin('\xcf\xf0\xe8\xe2\xe5\xf2 \xe2\xf1\xe5\xec, \xf7\xe8\xf2\xe0\xf2\xe5\xeb\xe8!'),
      'Привет всем, читатели!',
    ],
    [
      'koi8-r',
      latin('\xf0\xd2\xc9\xd7\xc5\xd4 \xd7\xd3\xc5\xcd, \xde\xc9\xd4\xc1\xd4\xc5\xcc\xc9!'),
      'Привет всем, читатели!',
    ],
    [
      'euc-kr',
      latin('\xc7\xd1\xb1\xb9\xbe\xee\xc7\xd1\xb1\xb9\xbe\xee \xc7\xd1\xb1\xb9\xbe\xee\xc7\xd1\xb1\xb9\xbe\xee'),
      '한국어한국어 한국어한국어',
    ],
  ])('that nobody declares, or declares wrongly, is guessed where the script shows it: %s', (_, bytes, text) => {
    expect(decodeText(Buffer.concat([Buffer.from('<rss>'), bytes]), null)).toContain(text)
    expect(decodeText(document('utf-8', bytes), 'text/xml; charset=utf-8')).toContain(text)
  })

  test('is not guessed where letters beyond ASCII stand alone', () => {
    const words = 'Grüße aus Köln, „süßes“ Brot für 5 €, naïve Façade, über allen Gipfeln, Señor Ñandú'
    const bytes = Buffer.from(
      [...words].map((letter) => ({ '„': 0x84, '“': 0x93, '€': 0x80 })[letter] ?? letter.charCodeAt(0)),
    )
    expect(decodeText(document('utf-8', bytes), null)).toContain(words)
  })
})
