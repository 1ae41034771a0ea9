import { describe, expect, it } from 'vitest'
import { asciiDomainOf, readDomain, shortenAddresses } from '../../../src/mail/addresses/address.ts'
import { mailtoOf } from '../../../src/mail/addresses/mailto.ts'
import { readSender } from '../../../src/mail/addresses/sender.ts'
import { addressLiteral, chooseEhloName, readEhloName } from '../../../src/mail/relays/ehlo-name.ts'

describe('a sender', () => {
  it.each([
    ['news@müller.de', { name: '', address: 'news@müller.de' }],
    ['news@xn--mller-kva.de', { name: '', address: 'news@müller.de' }],
    ['Müller, Söhne & Co. <news@MÜLLER.de>', { name: 'Müller, Söhne & Co.', address: 'news@müller.de' }],
    ['"Der Morgen" <news@example.org>', { name: 'Der Morgen', address: 'news@example.org' }],
  ])('is an address, or a name and an address, with a readable domain: %s', (typed, sender) => {
    expect(readSender(typed)).toEqual(sender)
  })

  it.each([
    ['grüße@müller.de', 'Letters beyond ASCII stand before the @'],
    ['news@müller', 'The domain has no dot.'],
    ['news@-müller.de', 'There can be no such domain.'],
    ['news@müller-.de', 'There can be no such domain.'],
    ['news@mül_ler.de', 'A character after the @'],
    ['news@xn--zzzzzz.de', 'There can be no such domain.'],
    [`news@${'ü'.repeat(60)}.de`, 'longer than 63 octets'],
    [`${'n'.repeat(65)}@example.org`, 'longer than 64 octets'],
    [`${'n'.repeat(64)}@${'a.'.repeat(100)}example.org`, 'longer than 254 octets'],
    [`${'N'.repeat(201)} <news@example.org>`, 'The name is longer than 200 characters.'],
    ['A\r\nBcc: x <news@example.org>', 'control character'],
  ])('is refused where no relay could carry it: %s', (typed, reason) => {
    expect(readSender(typed)).toEqual(expect.stringContaining(reason))
  })
})

describe('a domain', () => {
  it('stands in headers in A-labels, however it was typed', () => {
    expect(asciiDomainOf('news@Müller.DE')).toBe('xn--mller-kva.de')
    expect(asciiDomainOf('news@Example.ORG')).toBe('example.org')
    expect(readDomain(' Müller.de ')).toBe('xn--mller-kva.de')
    expect(readDomain('müller')).toBeNull()
  })
})

describe('a mailto', () => {
  it('has what would end the address percent-encoded (RFC 6068)', () => {
    expect(mailtoOf('a?b&c%d#e=f/g+h@müller.de')).toBe('mailto:a%3Fb%26c%25d%23e%3Df%2Fg+h@xn--mller-kva.de')
    expect(mailtoOf('news@example.org', 'unsubscribe a&b')).toBe('mailto:news@example.org?subject=unsubscribe%20a%26b')
  })

  it('leads back to the same address', () => {
    const address = "!#$%&'*+/=?^_`{|}~-.x@example.org"
    expect(decodeURIComponent(new URL(mailtoOf(address)).pathname)).toBe(address)
    expect(new URL(mailtoOf(address)).search).toBe('')
  })
})

describe('the addresses in what a relay says', () => {
  it.each([
    ['421 4.7.0 <anna@example.org>: too many', '421 4.7.0 <a…@example.org>: too many'],
    ['451 try later, anna.maria@example.org.', '451 try later, a…@example.org.'],
    ['550 no "anna maria"@example.org here', '550 no "…@example.org here'],
    ['550 anna@[192.0.2.1] unknown', '550 a…@[192.0.2.1] unknown'],
    ['550 see https://example.org/why/anna%40müller.de?', '550 see https://example.org/why/a…@müller.de?'],
    ['250 2.0.0 kept as 7', '250 2.0.0 kept as 7'],
  ])('are shortened: %s', (said, shown) => {
    expect(shortenAddresses(said)).toBe(shown)
  })
})

describe('the name in EHLO', () => {
  it('is the one that was set, else the whole name of the machine, else the host of the pages, else none', () => {
    expect(chooseEhloName('mail.example.org', 'web.example.net', 'https://example.com')).toBe('mail.example.org')
    expect(chooseEhloName(null, 'web.example.net', 'https://example.com')).toBe('web.example.net')
    for (const hostname of ['web', 'localhost', 'web.localdomain', 'web.fritz.home.arpa', 'mac.local', '10.0.0.7'])
      expect(chooseEhloName(null, hostname, 'https://news.müller.de:8443/blatt')).toBe('news.xn--mller-kva.de')
    for (const baseUrl of ['http://localhost:8080', 'https://192.0.2.1', 'http://[2001:db8::1]'])
      expect(chooseEhloName(null, 'web', baseUrl)).toBeNull()
  })

  it('may be set to a domain or to an address in brackets', () => {
    expect(readEhloName('Mail.Müller.de')).toBe('mail.xn--mller-kva.de')
    expect(readEhloName('[192.0.2.1]')).toBe('[192.0.2.1]')
    expect(readEhloName('[IPv6:2001:db8::1]')).toBe('[IPv6:2001:db8::1]')
    for (const wrong of ['mail', '192.0.2.1', '[300.1.1.1]', '[2001:db8::1]', '[]', 'a b.de', 'x.de\r\nMAIL'])
      expect(readEhloName(wrong)).toBeNull()
  })

  it('is an address literal where there is none (RFC 5321 §4.1.3)', () => {
    expect(addressLiteral('192.0.2.1')).toBe('[192.0.2.1]')
    expect(addressLiteral('::ffff:192.0.2.1')).toBe('[192.0.2.1]')
    expect(addressLiteral('fe80::1%eth0')).toBe('[IPv6:fe80::1]')
  })
})
