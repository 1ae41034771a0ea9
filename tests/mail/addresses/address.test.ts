import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressKey, checkAddress, envelopeAddress, shortenAddress } from '../../../src/mail/addresses/address.ts'

const label = (length: number) => 'a'.repeat(length)

describe('checkAddress', () => {
  it.each([
    ['leserin@example.de', 'leserin@example.de'],
    ['  Max.Mustermann@Firma.Example.COM \r\n', 'Max.Mustermann@firma.example.com'],
    ["o'hara+news/daily=1@example.ie", "o'hara+news/daily=1@example.ie"],
    ['{_x_}~!#$%&*`|?^@example.org', '{_x_}~!#$%&*`|?^@example.org'],
    ['anna@müller.de', 'anna@müller.de'],
    ['anna@MÜLLER.de', 'anna@müller.de'],
    ['anna@xn--mller-kva.de', 'anna@müller.de'],
    ['anna@mu\u0308ller.de', 'anna@müller.de'],
    ['anna@例え。テスト', 'anna@例え.テスト'],
    ['anna@l·l.cat', 'anna@l·l.cat'],
    ['änne@example.de', 'änne@example.de'],
    ['юзер@екзампл.ком', 'юзер@екзампл.ком'],
    ['x@c--n.com', 'x@c--n.com'],
    ['x@3com.com', 'x@3com.com'],
    ['x@123.com', 'x@123.com'],
    ['+@b.c', '+@b.c'],
    ['test@xn--hxajbheg2az3al.xn--jxalpdlp', 'test@παράδειγμα.δοκιμή'],
    ['x@reader.test', 'x@reader.test'],
    ['x@reader.example', 'x@reader.example'],
    [`${label(64)}@example.org`, `${label(64)}@example.org`],
    [`x@${label(63)}.de`, `x@${label(63)}.de`],
  ])('takes %j as %s', (input, address) => {
    expect(checkAddress(input)).toMatchObject({ valid: true, reason: null, address })
  })

  it.each([
    ['', 'There is no address.'],
    [' \n', 'There is no address.'],
    ['anna', 'It has no @.'],
    ['anna﹫example.org', 'It has no @.'],
    ['@example.org', 'before the @'],
    ['anna@', 'after the @'],
    ['anna@example.org\nBcc: eve@example.net', 'line break'],
    ['anna@example.org\r\n\r\nbody', 'line break'],
    ['anna@example.org\u0000', 'control character'],
    ['an\u2028na@example.org', 'line break'],
    ['\u007f@example.org', 'control character'],
    ['anna@example.org,eve@example.net', 'more than one @'],
    ['anna@example.org eve@example.net', 'more than one @'],
    ['anna@eve@example.org', 'more than one @'],
    ['Anna <anna@example.org>', 'bare address'],
    ['"anna b"@example.org', 'bare address'],
    ['anna(comment)@example.org', 'bare address'],
    ['anna@[127.0.0.1]', 'bare address'],
    ['anna@[IPv6:::1]', 'bare address'],
    ['mailto:anna@example.org', 'before the @'],
    ['an na@example.org', 'before the @'],
    ['an\\na@example.org', 'before the @'],
    ['an\u200bna@example.org', 'before the @'],
    ['an\u202ena@example.org', 'before the @'],
    ['an\u037ena@example.org', 'before the @'],
    ['eve＠example.net@example.org', 'before the @'],
    ['\u0301anna@example.org', 'before the @'],
    ['.anna@example.org', 'dot'],
    ['anna.@example.org', 'dot'],
    ['an..na@example.org', 'dot'],
    [`${label(65)}@example.org`, '64 octets'],
    [`${'ä'.repeat(33)}@example.org`, '64 octets'],
    ['anna@example..org', 'dot'],
    ['anna@example．．org', 'dot'],
    ['anna@.example.org', 'dot'],
    ['anna@example.org.', 'dot'],
    ['anna@-example.org', 'not a name'],
    ['anna@example-.org', 'not a name'],
    ['anna@example.－org', 'not a name'],
    ['anna@yy--0.org', 'not a name'],
    ['anna@xn--0.org', 'no such domain'],
    ['anna@⒈example.org', 'no such domain'],
    ['anna@exa_mple.org', 'cannot stand in a domain'],
    ['anna@exa mple.org', 'cannot stand in a domain'],
    ['anna@ex%61mple.org', 'cannot stand in a domain'],
    ['anna@i❤.ws', 'cannot stand in a domain'],
    ['anna@xn--i-7iq.ws', 'no such domain'],
    ['anna@localhost', 'special use'],
    ['anna@my.localhost', 'special use'],
    ['anna@printer.local', 'special use'],
    ['anna@nobody.invalid', 'special use'],
    ['anna@hidden.onion', 'special use'],
    ['anna@1.0.0.127.in-addr.arpa', 'special use'],
    ['anna@example', 'no dot'],
    ['anna@127.0.0.1', 'as a domain can end'],
    ['anna@example.1', 'no such domain'],
    ['anna@example.o-1', 'as a domain can end'],
    [`anna@${label(64)}.org`, '63 octets'],
    [`x@${`${label(60)}.`.repeat(5)}org`, '253 octets'],
    [`${label(60)}@${`${label(60)}.`.repeat(3)}${label(20)}.org`, '254 octets'],
  ])('refuses %j: %s', (input, reason) => {
    const check = checkAddress(input)
    expect(check).toMatchObject({ valid: false, address: null })
    expect(check.reason).toContain(reason)
  })

  it.each([
    ['anna@gmial.com', 'anna@gmail.com'],
    ['anna@GMAIL.CON', 'anna@gmail.com'],
    ['anna@gmail.de', 'anna@gmail.com'],
    ['anna@gmail.co', 'anna@gmail.com'],
    ['anna@gmail', 'anna@gmail.com'],
    ['anna@gmailcom', 'anna@gmail.com'],
    ['anna@gmail,com', 'anna@gmail.com'],
    ['anna@gmail..com', 'anna@gmail.com'],
    ['anna@gmx.ed', 'anna@gmx.de'],
    ['anna@gxm.de', 'anna@gmx.de'],
    ['anna@web.dee', 'anna@web.de'],
    ['anna@t-onlin.de', 'anna@t-online.de'],
    ['anna@tonline.de', 'anna@t-online.de'],
    ['anna@t-online.com', 'anna@t-online.de'],
    ['anna@hotmial.com', 'anna@hotmail.com'],
    ['anna@yaho.de', 'anna@yahoo.de'],
    ['anna@outlok.de', 'anna@outlook.de'],
    ['anna@googelmail.com', 'anna@googlemail.com'],
    ['anna@icloud.cmo', 'anna@icloud.com'],
    ['anna@freenet.com', 'anna@freenet.de'],
  ])('asks %s whether %s was meant', (input, suggestion) => {
    expect(checkAddress(input).suggestion).toBe(suggestion)
  })

  it('suggests nothing for a provider itself, another country of it, or a name of its own', () => {
    const real = ['gmail.com', 'GMX.de', 'gmx.net', 'gmx.dk', 'yahoo.dk', 'live.be', 'web.com', 'mail.com', 'email.de']
    const others = ['max.de', 'love.de', 'five.com', 'firma.de', 'example.org', 'mail.gmail.com', 'a'.repeat(60)]
    for (const domain of [...real, ...others]) expect(checkAddress(`anna@${domain}`).suggestion).toBeNull()
    expect(checkAddress('an na@gmial.com').suggestion).toBeNull()
  })

  it('never throws, and what it takes it takes again, unchanged, as one word with one @', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom('.', '-', '@', 'xn--', 'ß', 'a', '。'),
    )
    const typed = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(''))
    const likely = fc.tuple(typed, fc.constantFrom('@', '@example.', '@ex.'), typed).map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(typed, likely, fc.emailAddress()), (input) => {
        const { valid, address } = checkAddress(input)
        if (!valid || address === null) return
        expect(address).toMatch(/^[^\s\p{Cc}@<>,;"()[\]\\]+@[^\s\p{Cc}@<>,;"()[\]\\]+$/u)
        expect(checkAddress(address)).toMatchObject({ valid: true, address })
        expect(addressKey(address)).toBe(addressKey(input))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('addressKey', () => {
  it('is the same for every spelling of one mailbox', () => {
    const spellings = ['Änne@Müller.de', 'änne@MÜLLER.DE', 'A\u0308nne@xn--mller-kva.de', ' änne@mu\u0308ller.de ']
    expect(new Set(spellings.map(addressKey))).toEqual(new Set(['änne@xn--mller-kva.de']))
  })

  it('tells apart what a mail server may', () => {
    expect(new Set(['a.b@x.de', 'ab@x.de', 'ab+c@x.de', 'ab@x.at'].map(addressKey)).size).toBe(4)
  })

  it('is its own key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const key = addressKey(`${text}@example.org`)
        expect(addressKey(key)).toBe(key)
      }),
    )
  })
})

describe('shortenAddress', () => {
  it('leaves the first letter and the domain', () => {
    expect(shortenAddress('reader@example.net')).toBe('r…@example.net')
    expect(shortenAddress('🦊x@example.net')).toBe('🦊…@example.net')
  })
})

describe('envelopeAddress', () => {
  it('has its domain in A-labels and says whether the local part needs SMTPUTF8', () => {
    expect(envelopeAddress('anna@müller.de')).toEqual({ address: 'anna@xn--mller-kva.de', needsSmtpUtf8: false })
    expect(envelopeAddress('änne@müller.de')).toEqual({ address: 'änne@xn--mller-kva.de', needsSmtpUtf8: true })
    expect(envelopeAddress('')).toEqual({ address: '', needsSmtpUtf8: false })
  })
})

const corpora = process.env.COURANT_CORPORA
type Case = { address: string; expected: 'valid' | 'invalid' | 'either'; asciiDomain?: string }

describe.skipIf(corpora === undefined)(
  'the collected addresses (skipped unless COURANT_CORPORA names their folder)',
  () => {
    const { cases } = JSON.parse(
      corpora === undefined ? '{"cases":[]}' : readFileSync(join(corpora, 'emails.json'), 'utf8'),
    ) as { cases: Case[] }

    it('are all told apart as they should be', () => {
      const wrong = cases.filter(({ address, expected }) => {
        return expected !== 'either' && checkAddress(address).valid !== (expected === 'valid')
      })
      expect(cases.length).toBeGreaterThan(100)
      expect(wrong).toEqual([])
    })

    it('have the domain in A-labels that is known of them', () => {
      for (const { address, asciiDomain } of cases) {
        if (asciiDomain !== undefined) expect(envelopeAddress(address).address.split('@')[1]).toBe(asciiDomain)
      }
    })

    it('are never stored with white space', () => {
      for (const { address } of cases) expect(checkAddress(address).address ?? '').not.toMatch(/\s/)
    })
  },
)
