import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { CourantError } from '../../src/errors.ts'

const SECRET = 'x'.repeat(32)

describe('the environment', () => {
  test('names all wrong values at once, and shows none that may hold a password', () => {
    const wrong = { PORT: 'abc', HOST: 'a b', SMTP_URL: 'http://user:hunter2@host', SECRET: 'short', LOG_LEVEL: 'loud' }
    try {
      readConfig(wrong)
      expect.unreachable()
    } catch (error) {
      if (!(error instanceof CourantError)) throw error
      expect(error.code).toBe('config.invalid')
      for (const name of Object.keys(wrong)) expect(error.message).toContain(name)
      expect(error.message).toContain('"abc"')
      expect(error.message).not.toMatch(/hunter2|short/)
    }
  })

  test('several secrets and relays are separated by commas, the first signs', () => {
    const config = readConfig({ SECRET: `${SECRET},${'y'.repeat(40)}`, SMTP_URL: 'smtp://a:25, smtps://b' })
    expect(config.secrets).toEqual([SECRET, 'y'.repeat(40)])
    expect(config.relays).toEqual(['smtp://a:25', 'smtps://b'])
  })

  test('a pooler in front of PostgreSQL is one in transaction mode, or is found out', () => {
    const read = (search: string) => readConfig({ SECRET, DATABASE_URL: `postgres://db.example.org/courant${search}` })
    expect(read('?pooler=transaction&sslmode=require').databaseUrl).toMatch(/pooler=transaction/)
    for (const pooler of ['session', 'statement', 'transactions', ''])
      expect(() => read(`?pooler=${pooler}`)).toThrow('?pooler=transaction')
  })

  test('PostgreSQL needs a secret; the embedded database makes one and keeps it', () => {
    expect(() => readConfig({ DATABASE_URL: 'postgres://localhost/courant' })).toThrow('SECRET is not set')
    const folder = mkdtempSync(join(tmpdir(), 'courant-config-'))
    const first = readConfig({ DATABASE_URL: `pglite://${folder}` }).secrets
    expect(first[0]?.length).toBeGreaterThanOrEqual(32)
    expect(readConfig({ DATABASE_URL: `pglite://${folder}` }).secrets).toEqual(first)
    rmSync(folder, { recursive: true })
  })

  test('an empty value is one left out, and a slash at the end of BASE_URL does not count', () => {
    const config = readConfig({ SECRET, PORT: '', BASE_URL: 'https://news.example.org/' })
    expect(config).toMatchObject({ port: 8080, baseUrl: 'https://news.example.org', databaseUrl: 'pglite://./data' })
  })

  test('the limit of the form is forms per time for each network, or off', () => {
    expect(readConfig({ SECRET }).subscribeLimit).toEqual({ requests: 30, seconds: 600 })
    expect(readConfig({ SECRET, SUBSCRIBE_LIMIT: '5/s' }).subscribeLimit).toEqual({ requests: 5, seconds: 1 })
    expect(readConfig({ SECRET, SUBSCRIBE_LIMIT: '100/2h' }).subscribeLimit).toEqual({ requests: 100, seconds: 7_200 })
    expect(readConfig({ SECRET, SUBSCRIBE_LIMIT: 'off' }).subscribeLimit).toBeNull()
    expect(readConfig({ SECRET }).subscribeBudget).toBe(1_000)
    expect(readConfig({ SECRET, SUBSCRIBE_BUDGET: '50' }).subscribeBudget).toBe(50)
    expect(readConfig({ SECRET, SUBSCRIBE_BUDGET: 'off' }).subscribeBudget).toBeNull()
  })

  test('proxies are counted, or named by their networks; none are trusted by default', () => {
    expect(readConfig({ SECRET }).trustProxy).toEqual({ kind: 'hops', hops: 0 })
    expect(readConfig({ SECRET, TRUST_PROXY: '2' }).trustProxy).toEqual({ kind: 'hops', hops: 2 })
    expect(readConfig({ SECRET, TRUST_PROXY: '10.0.0.0/8, 127.0.0.1,::1' }).trustProxy).toEqual({
      kind: 'networks',
      networks: ['10.0.0.0/8', '127.0.0.1/32', '::1/128'],
    })
  })

  test('the pages are served to this machine alone unless HOST says otherwise: an address or a name', () => {
    expect(readConfig({ SECRET }).host).toBe('127.0.0.1')
    for (const host of ['0.0.0.0', '::', '::1', '10.0.0.7', 'localhost', 'web-1.internal.example.org'])
      expect(readConfig({ SECRET, HOST: ` ${host} ` }).host).toBe(host)
    expect(readConfig({ SECRET, HOST: '[::1]' }).host).toBe('::1')
  })

  test('without BASE_URL links lead to where the pages are served', () => {
    expect(readConfig({ SECRET }).baseUrl).toBe('http://localhost:8080')
    expect(readConfig({ SECRET, HOST: '0.0.0.0', PORT: '81' }).baseUrl).toBe('http://localhost:81')
    expect(readConfig({ SECRET, HOST: '::1' }).baseUrl).toBe('http://[::1]:8080')
    expect(readConfig({ SECRET, HOST: '10.0.0.7' }).baseUrl).toBe('http://10.0.0.7:8080')
  })

  test.each([
    ['HOST', 'http://127.0.0.1'],
    ['HOST', '127.0.0.1:8080'],
    ['HOST', '127.0.0.256'],
    ['HOST', '1.2.3'],
    ['HOST', ':::1'],
    ['HOST', 'all addresses'],
    ['HOST', '*'],
    ['HOST', 'fe80::1%eth0'],
    ['HOST', '-web.example.org'],
    ['HOST', `${'x'.repeat(64)}.example.org`],
    ['HOST', 'a\0b'],
    ['BASE_URL', 'https://news.example.org/?a=b'],
    ['BASE_URL', 'https://news.example.org/#'],
    ['BASE_URL', 'https://news.example.org?'],
    ['BASE_URL', 'ftp://news.example.org'],
    ['MAIL_FROM', 'grüße@example.org'],
    ['MAIL_FROM', 'News <news@example>'],
    ['MAIL_FROM', `News <${'n'.repeat(65)}@example.org>`],
    ['INBOUND_DOMAIN', 'bounces@example.org'],
    ['EHLO_NAME', 'mail'],
    ['EHLO_NAME', '192.0.2.1'],
    ['SUBSCRIBE_LIMIT', '30'],
    ['SUBSCRIBE_LIMIT', '0/10m'],
    ['SUBSCRIBE_LIMIT', '30/0m'],
    ['SUBSCRIBE_LIMIT', '30/10w'],
    ['SUBSCRIBE_BUDGET', '0'],
    ['SUBSCRIBE_BUDGET', '30/10m'],
    ['TRUST_PROXY', 'yes'],
    ['TRUST_PROXY', '300'],
    ['TRUST_PROXY', '10.0.0.0/99'],
    ['TRUST_PROXY', '10.0.0.1,proxy.example'],
  ])('%s=%s is refused with what it takes', (name, value) => {
    expect(() => readConfig({ SECRET, [name]: value })).toThrow(new RegExp(`${name} takes .* \\(got "`))
  })

  test('domains may be typed as they are read, and are kept as mail and links carry them', () => {
    const typed = { BASE_URL: 'https://News.Müller.de/Blätter/', MAIL_FROM: 'Müller <news@müller.de>' }
    const config = readConfig({ SECRET, ...typed, INBOUND_DOMAIN: 'Antwort.Müller.de', EHLO_NAME: 'mail.müller.de' })
    expect(config).toMatchObject({
      baseUrl: 'https://news.xn--mller-kva.de/Bl%C3%A4tter',
      mailFrom: 'Müller <news@müller.de>',
      inboundDomain: 'antwort.xn--mller-kva.de',
      ehloName: 'mail.xn--mller-kva.de',
    })
    expect(readConfig({ SECRET }).ehloName).toBeNull()
  })

  test('a user or password in BASE_URL is refused and not repeated', () => {
    for (const url of ['https://user:hunter2@news.example.org', 'https://hunter2@news.example.org'])
      try {
        readConfig({ SECRET, BASE_URL: url })
        expect.unreachable()
      } catch (error) {
        if (!(error instanceof CourantError)) throw error
        expect(error.message).toContain('without user, password')
        expect(error.message).not.toContain('hunter2')
      }
  })
})
