import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { INITIAL_STATE, type ParsedReply, readReplies } from '../../../src/mail/smtp/reply-parser.ts'

/** What is heard of `octets` when they come in chunks of these sizes, the rest at once. */
function hear(octets: Uint8Array, sizes: readonly number[] = []): ParsedReply[] {
  const heard: ParsedReply[] = []
  let rest = INITIAL_STATE
  let from = 0
  for (const size of [...sizes, octets.length]) {
    const read = readReplies(rest, octets.subarray(from, from + size))
    heard.push(...read.heard)
    rest = read.rest
    from += size
  }
  return heard
}

const hearText = (text: string) => hear(Buffer.from(text))
const reply = (code: number, text: string): ParsedReply => ({ kind: 'reply', code, text })

describe('replies', () => {
  it.each([
    ['220 relay.test ready\r\n', [reply(220, '220 relay.test ready')]],
    ['250-relay.test\r\n250-SIZE 1000\r\n250 HELP\r\n', [reply(250, '250-relay.test\n250-SIZE 1000\n250 HELP')]],
    ['250 a\r\n354 b\r\n', [reply(250, '250 a'), reply(354, '354 b')]],
    ['250\r\n', [reply(250, '250')]],
    ['250 \r\n', [reply(250, '250 ')]],
    ['250-\r\n250 \r\n', [reply(250, '250-\n250 ')]],
    ['250 lines that end with LF\n354 alone\n', [reply(250, '250 lines that end with LF'), reply(354, '354 alone')]],
    ['\r\n250 after an empty line\r\n', [reply(250, '250 after an empty line')]],
    ['550 5.1.1 Empfänger unbekannt\r\n', [reply(550, '550 5.1.1 Empfänger unbekannt')]],
    ['250 not whole', []],
    ['250-not whole\r\n', []],
    ['', []],
  ])('are read from %j', (text, expected) => {
    expect(hearText(text)).toEqual(expected)
  })

  it('that are not UTF-8 are read as Latin-1', () => {
    expect(hear(Buffer.from('550 Empfänger\r\n', 'latin1'))).toEqual([reply(550, '550 Empfänger')])
  })

  it.each([
    ['HTTP/1.1 400 Bad Request\r\n', 'no code'],
    ['25 short\r\n', 'no code'],
    ['2500 long\r\n', 'no code'],
    ['150 of the first class\r\n', 'no code'],
    ['650 of no class\r\n', 'no code'],
    ['250x\r\n', 'no code'],
    ['250-first\r\nsecond\r\n', 'no code'],
    ['250-first\r\n\r\n', 'no code'],
    ['250-first\r\n550 second\r\n', 'different codes'],
    [`250 ${'x'.repeat(300_000)}\r\n`, 'longer'],
    [`250 ${'x'.repeat(300_000)}`, 'longer'],
    ['250-x\r\n'.repeat(50_000), 'longer'],
  ])('that cannot be relied on are a protocol error, and nothing is read after it (%#)', (text, why) => {
    expect(hearText(`${text}250 later\r\n`)).toEqual([{ kind: 'protocol-error', why: expect.stringContaining(why) }])
  })

  it('of 100 KB are understood, and cut', () => {
    const heard = hearText(`250 ${'x'.repeat(100_000)}\r\n250-${'y'.repeat(50_000)}\r\n250 ${'z'.repeat(50_000)}\r\n`)
    expect(heard.map((one) => one.kind === 'reply' && [one.code, one.text.length])).toEqual([
      [250, 8192],
      [250, 8192],
    ])
  })

  it('are the same however the octets are cut into chunks', () => {
    const line = fc
      .tuple(
        fc.constantFrom('250', '250', '354', '421', '550', '25', '999', ''),
        fc.constantFrom('-', ' ', '', 'x'),
        fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.constantFrom('x'.repeat(9000), 'y'.repeat(140_000))),
        fc.constantFrom('\r\n', '\n', '\r', ''),
      )
      .map((parts) => parts.join(''))
    const octets = fc.oneof(
      fc.array(line, { maxLength: 6 }).map((lines) => Buffer.from(lines.join(''))),
      fc.uint8Array({ maxLength: 60 }),
    )
    const sizes = fc.array(fc.oneof(fc.nat(8), fc.nat(20_000)), { maxLength: 30 })
    fc.assert(
      fc.property(octets, sizes, (some, cuts) => {
        expect(hear(some, cuts)).toEqual(hear(some))
      }),
      { numRuns: 300 },
    )
  })

  it('come one octet at a time in time that grows with their length alone', () => {
    const octets = Buffer.from(`250-${'x'.repeat(100_000)}\r\n250 end\r\n`)
    const heard = hear(octets, Array(octets.length).fill(1))
    expect(heard.map((one) => one.kind === 'reply' && one.code)).toEqual([250])
  })
})
