import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeText } from '../../../src/articles/feeds/charset.ts'

const PROLOG = (label: string) => `<?xml version="1.0" encoding="${label}"?><rss>`
const latin = (text: string) => Buffer.from(text, 'latin1')
const utf16 = (text: string, bigEndian: boolean) => {
  const bytes = Buffer.from(text, 'utf16le')
  return bigEndian ? bytes.swap16() : bytes
}
const utf32 = (text: string, bigEndian: boolean) =>
  Buffer.concat(
    [...text].map((character) => {
      const bytes = Buffer.alloc(4)
      const point = character.codePointAt(0) ?? 0
      if (bigEndian) bytes.writeUInt32BE(point)
      else bytes.writeUInt32LE(point)
      return bytes
    }),
  )

describe('the text of a document', () => {
  test('is UTF-8 where it is valid, whatever a declaration of one byte a character claims', () => {
    expect(decodeText(Buffer.from(`${PROLOG('iso-8859-1')}Grüße`), null)).toContain('Grüße')
    expect(decodeText(Buffer.from('Grüße'), 'text/xml; charset=us-ascii')).toBe('Grüße')
  })

  test('is what the header says before what the document says', () => {
    const bytes = latin(`${PROLOG('utf-8')}Gr\xfc\xdfe \xa4`)
    expect(decodeText(bytes, 'text/xml; charset="ISO-8859-15"')).toContain('Grüße €')
  })

  test('is what the XML declaration says, then what a meta tag says', () => {
    expect(decodeText(latin(`${PROLOG('windows-1252')}\x80`), null)).toContain('€')
    expect(decodeText(latin(`${PROLOG('KOI8-R')}\xf0\xd2\xc9\xd7\xc5\xd4`), 'text/xml')).toContain('Привет')
    expect(decodeText(latin('<meta charset=windows-1251>\xcf\xf0\xe8'), null)).toContain('При')
  })

  test.each(['latin-1', 'ISO8859-1', 'cp1252', 'win-1252', 'ISO_8859-1', 'x-unheard-of'])(
    'knows the spelling %s',
    (label) => {
      expect(decodeText(latin(`${PROLOG(label)}Gr\xfc\xdfe`), null)).toContain('Grüße')
    },
  )

  test('is another encoding when the declared one does not fit', () => {
    expect(decodeText(latin(`${PROLOG('utf-8')}Gr\xfc\xdfe`), 'text/xml; charset=utf-8')).toContain('Grüße')
  })

  test('is put together where two encodings are mixed', () => {
    const mixed = Buffer.concat([Buffer.from(`${PROLOG('utf-8')}Gr\u00fc\u00dfe „ja“ `), latin('f\xfcr alle')])
    expect(decodeText(mixed, null)).toContain('Grüße „ja“ für alle')
  })

  test('has the encoding of its byte order mark, which is dropped', () => {
    const mark = '\ufeff'
    for (const bytes of [
      Buffer.from(`${mark}äß`),
      utf16(`${mark}äß`, false),
      utf16(`${mark}äß`, true),
      utf32(`${mark}äß`, false),
      utf32(`${mark}äß`, true),
    ])
      expect(decodeText(bytes, 'text/xml; charset=iso-8859-1')).toBe('äß')
  })

  test('is put together behind a mark of UTF-8 too', () => {
    expect(decodeText(Buffer.concat([Buffer.from('\ufeffä'), latin('\xdf')]), null)).toBe('äß')
  })

  test('shows the encoding by its first bytes', () => {
    for (const bytes of [utf16('<a>ä', false), utf16('<a>ä', true), utf32('<a>ä', false), utf32('{"a":"ä"}', true)])
      expect(decodeText(bytes, null)).toContain('ä')
  })

  test('is of seven bits where a declaration says so', () => {
    const bytes = latin(`${PROLOG('iso-2022-jp')}\x1b$B%K%e!<%9\x1b(B`)
    expect(decodeText(bytes, null)).toContain('ニュース')
  })

  test('has no character that XML forbids; C1 controls are what Windows-1252 means by them', () => {
    expect(decodeText(Buffer.from('don\u0092t\u0000\u0007!\ufffe'), null)).toBe('don’t!')
  })

  test('comes back whole from every encoding that can hold it', () => {
    const letters = fc.string({ unit: fc.constantFrom(...'aZ<>&"äßéŁж中あ€„“\u{1f600}\n') })
    fc.assert(
      fc.property(letters, (text) => {
        const document = `<rss>${text}`
        const written = [Buffer.from(document), utf16(document, true), utf16(document, false), utf32(document, true)]
        for (const bytes of written) expect(decodeText(bytes, null)).toBe(document)
      }),
    )
  })

  test('is found for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodeText(Buffer.from(bytes), null).isWellFormed()),
    )
  })
})
