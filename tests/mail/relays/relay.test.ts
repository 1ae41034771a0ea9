import { describe, expect, it } from 'vitest'
import { CourantError } from '../../../src/errors.ts'
import { isLoopback, parseRelay, passwordRisk, relayName } from '../../../src/mail/relays/relay.ts'

describe('parseRelay', () => {
  it('needs no more than a host', () => {
    expect(parseRelay('smtp://mail.example.org')).toEqual({
      host: 'mail.example.org',
      port: 25,
      secure: false,
      tls: 'try',
      credentials: null,
      ehloName: null,
      connections: 10,
      ratePerSecond: null,
      timeouts: { connectMs: 10_000, greetingMs: 10_000, socketMs: 60_000, messageMs: 600_000, arrivalMs: 1_000 },
    })
  })

  it('reads every part, and decodes user and password', () => {
    const url = 'smtp://news%40example.org:p%40s%2Fs%23%3F%25w@Mail.Example.org:587?connections=4&rate=2.5&tls=require'
    expect(parseRelay(url)).toMatchObject({
      host: 'mail.example.org',
      port: 587,
      credentials: { user: 'news@example.org', password: 'p@s/s#?%w' },
      connections: 4,
      ratePerSecond: 2.5,
      tls: 'require',
    })
  })

  it('verifies the certificate of smtps elsewhere unless told otherwise, and not on this machine', () => {
    expect(parseRelay('smtps://mail.example.org')).toMatchObject({ port: 465, secure: true, tls: 'require' })
    expect(parseRelay('smtps://mail.example.org?tls=try')).toMatchObject({ tls: 'try' })
    expect(parseRelay('smtps://127.0.0.1:4650/')).toMatchObject({ port: 4650, tls: 'try' })
  })

  it('sends a password to another machine only over TLS with a certificate that verifies, unless told otherwise', () => {
    const tlsOf = (url: string) => parseRelay(url).tls
    expect(tlsOf('smtp://user:secret@mail.example.org')).toBe('require')
    expect(tlsOf('smtp://user:secret@mail.example.org:587?connections=4')).toBe('require')
    expect(tlsOf('smtp://user:secret@10.0.0.7')).toBe('require')
    expect(tlsOf('smtp://user:secret@[2001:db8::1]:587')).toBe('require')
    for (const host of ['127.0.0.1', 'localhost', '[::1]']) expect(tlsOf(`smtp://user:secret@${host}:2525`)).toBe('try')
    for (const tls of ['off', 'try', 'require'])
      expect(tlsOf(`smtp://user:secret@mail.example.org?tls=${tls}`)).toBe(tls)
    expect(tlsOf('smtp://mail.example.org')).toBe('try')
  })

  it('says of a relay that it puts the password at risk, and how', () => {
    const riskOf = (url: string) => passwordRisk(parseRelay(url))
    expect(riskOf('smtp://user:secret@mail.example.org?tls=off')).toContain('in the clear')
    expect(riskOf('smtp://user:secret@mail.example.org?tls=try')).toContain('Any certificate')
    expect(riskOf('smtps://user:secret@mail.example.org?tls=try')).toContain('Any certificate')
    for (const url of [
      'smtp://user:secret@mail.example.org',
      'smtps://user:secret@mail.example.org',
      'smtp://user:secret@127.0.0.1?tls=off',
      'smtp://mail.example.org?tls=off',
    ])
      expect(riskOf(url)).toBeNull()
  })

  it('takes IP addresses, and names them so that the port can be told', () => {
    expect(parseRelay('smtp://[2001:db8::1]:2525').host).toBe('2001:db8::1')
    expect(relayName(parseRelay('smtp://[2001:db8::1]:2525'))).toBe('[2001:db8::1]:2525')
    expect(relayName(parseRelay('smtp://user:secret@mail.example.org'))).toBe('mail.example.org:25')
  })

  it.each([
    ['http://mail.example.org', 'smtp://'],
    ['mail.example.org:25', 'smtp://'],
    ['smtp://', 'host'],
    ['smtp://user:sec-ret@', 'not a URL'],
    ['smtp://mail example.org', 'not a URL'],
    ['smtp://user:sec-ret@mail.example.org:99999', 'not a URL'],
    ['smtp://user:sec-ret@mail!.example.org', 'host'],
    ['smtp://user:sec/ret@mail.example.org', 'not a URL'],
    ['smtp://user:25/sec-ret@mail.example.org', 'percent-encoded'],
    ['smtp://user:25#sec-ret@mail.example.org', 'percent-encoded'],
    ['smtp://user:25?sec-ret@mail.example.org', 'percent-encoded'],
    ['smtp://user:sec%ret@mail.example.org', 'percent-encoded'],
    ['smtp://user@mail.example.org', 'without a password'],
    ['smtp://:sec-ret@mail.example.org', 'without a user'],
    ['smtp://mail.example.org?connections=0', '1 to 1000'],
    ['smtp://mail.example.org?connections=2.5', '1 to 1000'],
    ['smtp://mail.example.org?connections=', '1 to 1000'],
    ['smtp://mail.example.org?rate=0', 'above 0'],
    ['smtp://mail.example.org?rate=fast', 'above 0'],
    ['smtp://mail.example.org?tls=yes', 'off, try or require'],
    ['smtps://mail.example.org?tls=off', 'contradicts'],
    ['smtp://mail.example.org?tsl=off', 'none of connections, rate and tls'],
  ])('refuses %s, says why, and repeats no password', (url, why) => {
    const refused = () => parseRelay(url)
    expect(refused).toThrow(CourantError)
    expect(refused).toThrow(why)
    try {
      refused()
    } catch (error) {
      expect(JSON.stringify([error, String(error), Object.values(error as object)])).not.toMatch(/sec.ret|ret@/)
    }
  })
})

describe('isLoopback', () => {
  it('is true of this machine only', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].map(isLoopback)).toEqual([true, true, true, true])
    expect(['10.0.0.1', '127.example.org', 'localhost.example.org', '0.0.0.0'].map(isLoopback)).not.toContain(true)
  })
})
