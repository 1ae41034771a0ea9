import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type ContentPiece,
  endOfContent,
  measureMessage,
  rememberStuffed,
  stuffDots,
  type Tail,
} from '../../../src/mail/mime/dot-stuffing.ts'

const buffers = (...texts: readonly string[]) => texts.map((text) => Buffer.from(text, 'latin1'))

const octetsOf = (pieces: readonly ContentPiece[]) =>
  Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)))

/** The content as it goes on the wire, with its end, each group written for itself; null when one is refused. */
function wire(groups: readonly (readonly ContentPiece[])[], look?: ReturnType<typeof rememberStuffed>): string | null {
  let tail: Tail = 'crlf'
  let text = ''
  for (const group of groups) {
    const wired = stuffDots(group, tail, look)
    if (wired === null) return null
    text += octetsOf(wired.pieces).toString('latin1')
    tail = wired.tail
  }
  return text + endOfContent(tail).toString('latin1')
}

describe('content', () => {
  it.each([
    [['a\r\nb\r\n'], 'a\r\nb\r\n.\r\n'],
    [['a\r\nb'], 'a\r\nb\r\n.\r\n'],
    [['a\r'], 'a\r\r\n.\r\n'],
    [['a\n'], 'a\n\r\n.\r\n'],
    [[], '.\r\n'],
    [[''], '.\r\n'],
    [['.a\r\n..\r\n.\r\n'], '..a\r\n...\r\n..\r\n.\r\n'],
    [['a\r\n', '.', '\r\n'], 'a\r\n..\r\n.\r\n'],
    [['a\r', '\n', '.b\r\n'], 'a\r\n..b\r\n.\r\n'],
    [['a\r', '\n.b\r\n'], 'a\r\n..b\r\n.\r\n'],
    [['a.b\r\n=2E\r\n'], 'a.b\r\n=2E\r\n.\r\n'],
  ])('%j goes out with its dots stuffed and its end', (texts, expected) => {
    expect(wire([buffers(...texts)])).toBe(expected)
    expect(wire(texts.map((text) => buffers(text)))).toBe(expected)
  })

  it.each([
    [['a\n.\n']],
    [['a\n.\r\nMAIL FROM:<eve@example.net>\r\n']],
    [['a\r.\r\n']],
    [['a\r', '.\r']],
    [['a\n', '.\n']],
    [['a', '\n', '.']],
    [['a', '\n.']],
    [['\n.']],
    [['a\r\n\r.\r\n']],
  ])('%j is refused, since some relay could see its end in it', (texts) => {
    expect(wire([buffers(...texts)])).toBeNull()
    expect(wire(texts.map((text) => buffers(text)))).toBeNull()
  })

  it('comes out of the wire as it was, ends once, and whatever the pieces, is refused or not', () => {
    const piece = fc.array(fc.constantFrom('\r', '\n', '\r\n', '.', '..', 'a', 'ü', '\r\n.\r\n'), { maxLength: 8 })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (texts) => {
        const pieces = buffers(...texts.map((parts) => parts.join('')))
        const whole = Buffer.concat(pieces).toString('latin1')
        const wired = wire([pieces])
        expect(wired).toBe(wire([[Buffer.from(whole, 'latin1')]]))
        expect(wired).toBe(wire(pieces.map((one) => [one])))
        const asTexts = texts.map((parts) => parts.join(''))
        const asOctets = asTexts.map((text) => Buffer.from(text))
        expect(wire([asTexts])).toBe(wire([asOctets]))
        expect(wire(asTexts.map((text, at) => (at % 2 === 0 ? [text] : [Buffer.from(text)])))).toBe(wire([asOctets]))
        if (wired === null) {
          expect(whole).toMatch(/(?:^|[^\r])\n\.|\r\./)
          return
        }
        // No line end of any kind, then a lone dot, then a line end of any kind, before the very end.
        expect(wired.slice(0, -3)).not.toMatch(/(?:^|\r\n|\r|\n)\.(?:\r|\n)/)
        const lines = wired.slice(0, -3).split('\r\n')
        const read = lines.map((line) => line.replace(/^\./, '')).join('\r\n')
        expect([whole, `${whole}\r\n`]).toContain(read)
      }),
      { numRuns: 3000 },
    )
  })

  it('is not copied where nothing has to change', () => {
    const pieces = buffers('Subject: x\r\n', '\r\nx\r\n')
    const wired = stuffDots(pieces, 'crlf')?.pieces ?? []
    const placeOf = (piece: ContentPiece) =>
      typeof piece === 'string' ? piece : [piece.buffer, piece.byteOffset, piece.length]
    expect(wired.map(placeOf)).toEqual(pieces.map(placeOf))
  })

  it('that comes again, long and behind whatever end, goes out as it did the first time', () => {
    const long = `${'x'.repeat(4096)}\r\n`
    const starts = ['', '.', '\n.', '\r\n.']
    const before = ['', 'a', 'a\r', 'a\n', 'a\r\n']
    for (const start of starts) {
      const look = rememberStuffed()
      const piece = Buffer.from(`${start}${long}`)
      for (const text of [...before, ...before.toReversed()]) {
        const group = [...(text === '' ? [] : [Buffer.from(text)]), piece]
        expect(wire([group], look)).toBe(wire([group]))
      }
    }
  })

  it('is measured in octets, and for octets beyond ASCII', () => {
    expect(measureMessage([])).toEqual({ octets: 0, eightBit: false })
    expect(measureMessage(buffers('abc', 'de\r\n'))).toEqual({ octets: 7, eightBit: false })
    expect(measureMessage([Buffer.from('abc'), Buffer.from('ü')])).toEqual({ octets: 5, eightBit: true })
    expect(measureMessage(['abc', 'ü'])).toEqual({ octets: 5, eightBit: true })
    expect(measureMessage(['abc', 'de\r\n'])).toEqual({ octets: 7, eightBit: false })
  })
})
