import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodePiece } from '../../../src/mail/mime/quoted-printable.ts'

const pieces = fc.constantFrom(
  '.',
  '\n',
  '\r\n',
  '\r',
  '=',
  ' ',
  '\t',
  'x'.repeat(74),
  'ü',
  '漢',
  '🦊',
  '\0',
  '\x7f',
  'a b',
)
const anyText = fc
  .array(fc.oneof(pieces, fc.string({ unit: 'binary' })), { maxLength: 60 })
  .map((list) => list.join(''))

/** RFC 2045 §6.7, read strictly: fails on anything that is not quoted-printable. */
function decodeLine(line: string): string {
  expect(line).toMatch(/^(?:[\x21-\x3c\x3e-\x7e \t]|=[0-9A-F]{2})*$/)
  const octets = line.replace(/=(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(octets, 'latin1'))
}

describe('encodePiece', () => {
  it('gives lines of at most 76 octets, whole characters, no dot in front and no white space at the end', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const lines = encodePiece(text).toString('latin1').split('\r\n')
        expect(lines.pop()).toBe('')
        let decoded = ''
        for (const line of lines) {
          expect(line.length).toBeLessThanOrEqual(76)
          expect(line).not.toMatch(/^\.|[ \t]$/)
          decoded += line.endsWith('=') ? decodeLine(line.slice(0, -1)) : `${decodeLine(line)}\n`
        }
        expect(decoded).toBe(text.replace(/\r\n?/g, '\n').toWellFormed())
      }),
      { numRuns: 500 },
    )
  })

  it('ends its line with a soft break, unless the text ended it', () => {
    expect(encodePiece('abc').toString()).toBe('abc=\r\n')
    expect(encodePiece('abc\n').toString()).toBe('abc\r\n')
    expect(encodePiece('').toString()).toBe('')
  })

  it('encodes white space at the end, which a mail server may cut off', () => {
    expect(encodePiece('a \nb\t').toString()).toBe('a=20\r\nb=09=\r\n')
  })

  it('encodes a dot at the start of every line, also after a soft break of its own', () => {
    expect(encodePiece(`.${'.'.repeat(80)}`).toString()).toBe(`=2E${'.'.repeat(72)}=\r\n=2E${'.'.repeat(7)}=\r\n`)
  })
})
