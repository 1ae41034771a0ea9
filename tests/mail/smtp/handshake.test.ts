import { describe, expect, it } from 'vitest'
import {
  continueHandshake,
  greetAfterTls,
  type HandshakeOptions,
  startHandshake,
} from '../../../src/mail/smtp/handshake.ts'

const MANNER: HandshakeOptions = { host: 'relay.example.org', tls: 'try', credentials: null, name: 'courant.test' }
const LOGIN = { user: 'courant', password: 'pässword' }
const PLAIN = `AUTH PLAIN ${Buffer.from('\0courant\0pässword').toString('base64')}`
const EHLO = 'EHLO courant.test'

/** The dialogue with a relay that says `replies`: what was said to it, and how it ended. */
function greet(
  replies: readonly string[],
  manner: Partial<HandshakeOptions> = {},
  encrypted = false,
): (string | object)[] {
  const how = { ...MANNER, ...manner }
  const said: (string | object)[] = []
  let hello = startHandshake(encrypted)
  for (const text of replies) {
    let step = continueHandshake(hello, { kind: 'reply', code: Number(text.slice(0, 3)), text }, how)
    if (step.kind === 'encrypt') {
      said.push('(TLS)')
      step = greetAfterTls(how)
    }
    if (step.kind !== 'say') {
      const { reply } = step.kind === 'broken' ? step : { reply: null }
      said.push(reply === null ? step.kind : { stage: reply.stage, text: reply.text, ambiguous: reply.ambiguous })
      continue
    }
    said.push(step.text.replace('\r\n', ''))
    hello = step.hello
  }
  return said
}

const failed = (stage: string, text: string) => ({ stage, text: expect.stringContaining(text), ambiguous: false })

describe('the dialogue before the first message', () => {
  it.each([
    [['220 hi', '250 hi'], {}, [EHLO, 'ready']],
    [['220-hi\n220 there', '250-hi\n250 PIPELINING'], {}, [EHLO, 'ready']],
    [['554 5.7.1 not you'], {}, [failed('greeting', '554 5.7.1 not you')]],
    [['421 too busy'], {}, [failed('greeting', '421 too busy')]],
    [['250 hi'], {}, [failed('greeting', '250 hi')]],
    [['220 hi', '502 what?', '250 hi'], {}, [EHLO, 'HELO courant.test', 'ready']],
    [['220 hi', '550 no', '550 no'], {}, [EHLO, 'HELO courant.test', failed('greeting', '550 no')]],
    [['220 hi', '421 too busy'], {}, [EHLO, failed('greeting', '421 too busy')]],
  ])('greets, with HELO where EHLO is not known: %j', (replies, manner, expected) => {
    expect(greet(replies, manner)).toEqual(expected)
  })

  const OFFERED = '250-hi\n250 STARTTLS'
  it.each([
    ['try', ['220 hi', OFFERED, '220 go', '250 hi'], [EHLO, 'STARTTLS', '(TLS)', EHLO, 'ready']],
    ['try', ['220 hi', '250 hi'], [EHLO, 'ready']],
    ['try', ['220 hi', OFFERED, '454 not now'], [EHLO, 'STARTTLS', 'ready']],
    ['off', ['220 hi', OFFERED], [EHLO, 'ready']],
    ['require', ['220 hi', OFFERED, '220 go', '250 hi'], [EHLO, 'STARTTLS', '(TLS)', EHLO, 'ready']],
    ['require', ['220 hi', '250 hi'], [EHLO, failed('greeting', 'offers no TLS')]],
    ['require', ['220 hi', '250-hi\n250 XSTARTTLS'], [EHLO, failed('greeting', 'offers no TLS')]],
    ['require', ['220 hi', OFFERED, '454 not now'], [EHLO, 'STARTTLS', failed('greeting', '454 not now')]],
    ['require', ['220 hi', OFFERED, '250 odd'], [EHLO, 'STARTTLS', failed('greeting', '250 odd')]],
    ['require', ['220 hi', OFFERED, '421 bye'], [EHLO, 'STARTTLS', failed('greeting', '421 bye')]],
    ['try', ['220 hi', OFFERED, '421 bye'], [EHLO, 'STARTTLS', failed('greeting', '421 bye')]],
    ['require', ['220 hi', '502 what?'], [EHLO, failed('greeting', 'offers no TLS')]],
  ] as const)('encrypts where it is to and can, tls=%s: %j', (tls, replies, expected) => {
    expect(greet(replies, { tls })).toEqual(expected)
  })

  it('says in plain words why nothing was sent where TLS is required', () => {
    const textOf = (replies: readonly string[], manner: Partial<HandshakeOptions> = {}) =>
      greet(replies, { tls: 'require', ...manner }).at(-1)
    expect(textOf(['220 hi', '250 hi'])).toEqual(
      failed('greeting', 'The relay offers no TLS (STARTTLS), which tls=require wants, so nothing was sent to it.'),
    )
    expect(textOf(['220 hi', '502 what?'])).toEqual(failed('greeting', 'so nothing was sent to it. 502 what?'))
    for (const refusal of ['454 4.7.0 not now', '502 5.5.1 no'])
      expect(textOf(['220 hi', OFFERED, refusal], { credentials: LOGIN })).toEqual(
        failed('greeting', `The relay refused TLS, which tls=require wants, so nothing was sent to it: ${refusal}`),
      )
  })

  it('needs no STARTTLS where TLS is there from the first octet', () => {
    expect(greet(['220 hi', OFFERED], { tls: 'require' }, true)).toEqual([EHLO, 'ready'])
    expect(greet(['220 hi', '502 what?', '250 hi'], { tls: 'require' }, true)).toEqual([
      EHLO,
      'HELO courant.test',
      'ready',
    ])
  })

  it('forgets what was offered before TLS', () => {
    const replies = ['220 hi', '250-hi\n250-AUTH PLAIN\n250 STARTTLS', '220 go', '250 hi']
    expect(greet(replies, { credentials: LOGIN })).toEqual([
      EHLO,
      'STARTTLS',
      '(TLS)',
      EHLO,
      failed('auth', 'offers no login'),
    ])
  })

  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const AUTH = '250-hi\n250 AUTH LOGIN PLAIN'
  const AUTH_LOGIN = '250-hi\n250 AUTH CRAM-MD5 LOGIN'
  it.each([
    [
      [AUTH, '235 in'],
      [PLAIN, 'ready'],
    ],
    [
      [AUTH, '535 5.7.8 wrong'],
      [PLAIN, failed('auth', '535 5.7.8 wrong')],
    ],
    [
      [AUTH, '454 4.7.0 not now'],
      [PLAIN, failed('auth', '454 4.7.0 not now')],
    ],
    [
      [AUTH, '421 bye'],
      [PLAIN, failed('auth', '421 bye')],
    ],
    [
      [AUTH, '250 odd'],
      [PLAIN, failed('auth', '250 odd')],
    ],
    [
      [AUTH, '334 more?'],
      [PLAIN, failed('auth', '334 more?')],
    ],
    [
      [AUTH_LOGIN, '334 VXNlcm5hbWU6', '334 UGFzc3dvcmQ6', '235 in'],
      ['AUTH LOGIN', base64('courant'), base64('pässword'), 'ready'],
    ],
    [
      [AUTH_LOGIN, '334 user', '535 no'],
      ['AUTH LOGIN', base64('courant'), failed('auth', '535 no')],
    ],
    [['250-hi\n250 AUTH CRAM-MD5'], [failed('auth', 'no login by PLAIN or LOGIN')]],
    [['250 hi'], [failed('auth', 'offers no login')]],
  ])('logs in over TLS: %j', (replies, expected) => {
    const said = greet(['220 hi', ...replies], { credentials: LOGIN }, true)
    expect(said).toEqual([EHLO, ...expected])
    expect(JSON.stringify(said.at(-1))).not.toMatch(/pässword|cMOkc3N3b3Jk/)
  })

  it('does not say the password in the clear to another machine, unless it was told to', () => {
    const login = (manner: Partial<HandshakeOptions>) =>
      greet(['220 hi', AUTH], { credentials: LOGIN, ...manner }).at(-1)
    expect(login({})).toEqual(failed('auth', 'the password was not sent'))
    expect(login({ tls: 'off' })).toBe(PLAIN)
    expect(login({ host: '127.0.0.1' })).toBe(PLAIN)
  })

  it.each(['require', 'try', 'off'] as const)(
    'sends nothing where a login is wanted and none is taken, tls=%s',
    (tls) => {
      const refused = failed(
        'auth',
        'The relay offers no login (AUTH), though SMTP_URL has a password, so nothing was sent.',
      )
      const manner: Partial<HandshakeOptions> = { tls, credentials: LOGIN }
      expect(greet(['220 hi', '250 hi'], manner, true).at(-1)).toEqual(refused)
      expect(greet(['220 hi', '502 what?', '250 hi'], manner, true).at(-1)).toEqual(refused)
      if (tls !== 'off') expect(greet(['220 hi', OFFERED, '220 go', '250 hi'], manner).at(-1)).toEqual(refused)
      else expect(greet(['220 hi', OFFERED], manner).at(-1)).toEqual(refused)
    },
  )

  it.each(['535 5.7.8 wrong', '454 4.7.0 not now', '504 5.5.4 what?'])(
    'says that the login was refused: %s',
    (reply) => {
      const refused = failed('auth', `The relay refused the login: ${reply}`)
      expect(greet(['220 hi', AUTH, reply], { tls: 'require', credentials: LOGIN }, true).at(-1)).toEqual(refused)
    },
  )

  it.each(['454 not now', '502 what?'])(
    'neither logs in nor sends once a relay has gone back on its offer of TLS: %s',
    (reply) => {
      const replies = ['220 hi', '250-hi\n250-AUTH PLAIN\n250 STARTTLS', reply]
      for (const host of ['127.0.0.1', 'relay.example.org'])
        expect(greet(replies, { credentials: LOGIN, host })).toEqual([
          EHLO,
          'STARTTLS',
          failed('greeting', `neither password nor mail was sent to it: ${reply}`),
        ])
    },
  )
})
