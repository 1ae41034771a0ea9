import type { Socket } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { hangUp } from '../../support/hostile-relay.ts'
import { certify } from './certificate.ts'
import { connect, hostile, OCTETS, open, sink, TO, trouble, urlOf } from './connected.ts'

const known = getCACertificates('default')
afterEach(() => setDefaultCACertificates(known))

const trust = (cert: string) => setDefaultCACertificates([...known, cert])
/** Answers no lines but commands: the random octets of a TLS handshake may have a line end among them. */
const DEAF = { answers: { secret: [null] } }
const SECRET = Buffer.from('\0courant\0secret').toString('base64')

describe('opening a connection', () => {
  it('says that nobody listens', async () => {
    const relay = await hostile()
    await relay.close()
    expect(await open(urlOf(relay))).toEqual(trouble('connect', 'ECONNREFUSED'))
    expect(await open(`smtp://localhost:${relay.port}`)).toEqual(trouble('connect', 'ECONNREFUSED'))
  })

  it.each([
    ['554 5.7.1 not you\r\n', '554 5.7.1 not you'],
    ['421 4.3.2 too busy\r\n', '421 4.3.2 too busy'],
    ['250 hi\r\n', '250 hi'],
    ['HTTP/1.1 400 Bad Request\r\n', 'no code: HTTP/1.1 400'],
    ['-ERR this is POP\r\n', 'no code: -ERR this is POP'],
    [`220-${'x'.repeat(300_000)}`, 'longer than 256 KiB'],
    [hangUp, 'closed'],
  ])('says how it was turned away (%#)', async (greeting, text) => {
    const relay = await hostile({ greeting })
    expect(await open(urlOf(relay))).toEqual(trouble('greeting', text))
    await relay.ended(1)
  })

  it.each([
    ['connecting to TLS that does not answer', 'connect', { encryptMs: 100 }, { greeting: null, ...DEAF }, 'smtps'],
    ['the greeting', 'greeting', { greetingMs: 100 }, { greeting: null }, 'smtp'],
    ['half a greeting', 'greeting', { greetingMs: 100 }, { greeting: '220-hel' }, 'smtp'],
    ['the reply to EHLO', 'greeting', { helloMs: 100 }, { answers: { EHLO: [null] } }, 'smtp'],
    [
      'the end of the reply to EHLO',
      'greeting',
      { helloMs: 100 },
      { answers: { EHLO: ['250-a\r\n250-b\r\n'] } },
      'smtp',
    ],
    ['TLS after STARTTLS', 'greeting', { encryptMs: 100 }, { offers: ['STARTTLS'], ...DEAF }, 'smtp'],
    ['the login', 'auth', { helloMs: 100 }, { offers: ['AUTH PLAIN'], answers: { AUTH: [null] } }, 'smtp'],
  ] as const)('waits no longer than it may for %s', async (_name, stage, patience, script, scheme) => {
    const relay = await hostile(script)
    const opened = await open(`${scheme}://courant:secret@127.0.0.1:${relay.port}`, patience)
    expect(opened).toEqual(trouble(stage, 'The relay took too long.'))
    await relay.ended(1)
  })

  it('is not kept waiting by a greeting that never ends', async () => {
    const relay = await hostile({ greeting: '220-still\r\n'.repeat(20_000), drips: true })
    expect(await open(urlOf(relay), { greetingMs: 100 })).toEqual(trouble('greeting', 'The relay took too long.'))
  })

  it('falls back to HELO', async () => {
    const relay = await hostile({ answers: { EHLO: ['500 what?\r\n'] } })
    const connection = await connect(urlOf(relay))
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
    expect(relay.lines.slice(0, 2).map((line) => line.slice(0, 4))).toEqual(['EHLO', 'HELO'])
    expect(Math.max(...relay.reads)).toBe(1)
  })

  it('says that a relay spoke before it was asked', async () => {
    const relay = await hostile({ greeting: '220 hi\r\n250 I know what you will say\r\n' })
    expect(await open(urlOf(relay))).toEqual(trouble('greeting', 'nobody asked for: 250 I know'))
  })
})

describe('TLS', () => {
  it.each(['smtp', 'smtps'])('is required and right, by %s', async (scheme) => {
    const tls = certify('localhost')
    const relay = await hostile({ tls, secure: scheme === 'smtps', offers: ['STARTTLS', 'PIPELINING'] })
    trust(tls.cert)
    const connection = await connect(`${scheme}://localhost:${relay.port}?tls=require`)
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
    expect(relay.contents).toEqual([OCTETS.toString()])
    expect(relay.lines.includes('STARTTLS')).toBe(scheme === 'smtp')
  })

  const STAGES = { smtp: 'greeting', smtps: 'connect' } as const
  it.each([
    ['smtp', 'localhost', 2049, false, /self-signed/],
    ['smtps', 'localhost', 2049, false, /self-signed/],
    ['smtp', 'other.example', 2049, true, /altnames/],
    ['smtps', 'other.example', 2049, true, /altnames/],
    ['smtp', 'localhost', 2020, true, /expired/],
    ['smtps', 'localhost', 2020, true, /expired/],
  ] as const)('is refused over %s with a certificate for %s until %i, trusted: %s', async (...given) => {
    const [scheme, name, lastYear, trusted, text] = given
    const tls = certify(name, lastYear)
    const relay = await hostile({ tls, secure: scheme === 'smtps', offers: ['STARTTLS'] })
    if (trusted) trust(tls.cert)
    const opened = await open(`${scheme}://localhost:${relay.port}?tls=require`)
    expect(opened).toEqual({ ...trouble(STAGES[scheme], ''), text: expect.stringMatching(text) })
    await relay.ended(1)
    // Where it need not be right, it is taken.
    expect(await open(`${scheme}://localhost:${relay.port}?tls=try`)).toMatchObject({ usable: true })
  })

  it('is not given up where it is required', async () => {
    for (const script of [
      {},
      { offers: ['STARTTLS'], answers: { STARTTLS: ['454 4.7.0 not now\r\n'] } },
      { offers: ['STARTTLS'], answers: { STARTTLS: [hangUp] } },
      { offers: ['STARTTLS'], answers: { STARTTLS: ['220 go\r\nthis is no TLS\r\n'] } },
      { answers: { EHLO: ['502 what?\r\n'] } },
    ]) {
      const relay = await hostile(script)
      const url = `smtp://courant:secret@127.0.0.1:${relay.port}?tls=require`
      expect(await open(url, { encryptMs: 100 })).toEqual(trouble('greeting', ''))
      expect(relay.lines.join()).not.toMatch(/MAIL|AUTH|HELO /)
    }
  })

  it('fails where the relay breaks off, even where it need not be', async () => {
    const goesOnInTheClear = (socket: Socket) => {
      socket.write('220 go\r\n')
      socket.once('data', () => socket.write('250 and no TLS\r\n'))
    }
    const talksPlain = await hostile({ offers: ['STARTTLS'], answers: { STARTTLS: [goesOnInTheClear] } })
    expect(await open(urlOf(talksPlain))).toEqual({
      ...trouble('greeting', ''),
      text: expect.stringMatching(/ssl|tls/i),
    })
    expect(talksPlain.lines.join()).not.toMatch(/MAIL/)
  })

  it('makes it forget what the relay said before, and drops what was said behind the reply to STARTTLS', async () => {
    const tls = certify('localhost')
    const OFFERED = '250-hi\r\n250-AUTH PLAIN\r\n250-PIPELINING\r\n250 STARTTLS\r\n'
    const injected = '250-evil\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n235 in\r\n250-half'
    const relay = await hostile({
      tls,
      answers: {
        EHLO: [OFFERED, '250 hi\r\n', OFFERED, '250 hi\r\n'],
        STARTTLS: [`220 go\r\n${injected}`],
      },
    })
    trust(tls.cert)
    const connection = await connect(`smtp://localhost:${relay.port}?tls=require`)
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'accepted', text: '250 2.0.0 taken' })
    const withLogin = await open(`smtp://courant:secret@localhost:${relay.port}?tls=require`)
    expect(withLogin).toEqual(trouble('auth', 'offers no login'))
    expect(relay.lines.join()).not.toMatch(/AUTH/)
    expect(Math.max(...relay.reads)).toBe(1)
  })
})

describe('a login', () => {
  it('is right or wrong at a real server', async () => {
    const relay = await sink({ login: { user: 'courant', password: 'p@ss:word' } })
    const connection = await connect(`smtp://courant:p%40ss%3Aword@127.0.0.1:${relay.port}`)
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
    const wrong = await open(`smtp://courant:secret-word@127.0.0.1:${relay.port}`)
    expect(wrong).toEqual(trouble('auth', '535 5.7.8 wrong user or password'))
  })

  it('is said in steps where the relay takes LOGIN only', async () => {
    const relay = await hostile({
      offers: ['AUTH LOGIN'],
      answers: { AUTH: ['334 VXNlcm5hbWU6\r\n'], secret: ['334 UGFzc3dvcmQ6\r\n', '235 in\r\n'] },
    })
    await connect(`smtp://courant:secret@127.0.0.1:${relay.port}`)
    expect(relay.lines.slice(1)).toEqual(['AUTH LOGIN', btoa('courant'), btoa('secret')])
  })

  it('is broken by 421, and by the end of the connection', async () => {
    for (const answer of ['421 4.7.0 too many tries\r\n', hangUp]) {
      const relay = await hostile({ offers: ['AUTH PLAIN'], answers: { AUTH: [answer] } })
      const opened = await open(`smtp://courant:secret@127.0.0.1:${relay.port}`)
      expect(opened).toEqual(trouble('auth', answer === hangUp ? 'closed' : '421 4.7.0 too many tries'))
      expect(relay.lines.at(-1)).toBe(`AUTH PLAIN ${SECRET}`)
    }
  })
})
