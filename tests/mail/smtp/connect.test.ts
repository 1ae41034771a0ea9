import { describe, expect, it } from 'vitest'
import { openSmtp } from '../../../src/mail/smtp/open-connection.ts'
import { startSink } from '../../support/smtp.ts'
import { connect, misbehaving, OCTETS, relayAt, sink, TO } from './dialogue.ts'

describe('opening a connection', () => {
  it('says that nobody listens', async () => {
    const relay = await startSink()
    await relay.close()
    const opened = await openSmtp(relayAt(relay.url))
    expect(opened).toMatchObject({
      kind: 'broken',
      stage: 'connect',
      ambiguous: false,
      text: expect.stringContaining('ECONNREFUSED'),
    })
  })

  it.each(['554 5.7.1 not you', '421 4.3.2 too busy'])('says how it was turned away: %s', async (greeting) => {
    const relay = await sink({ greeting })
    expect(await openSmtp(relayAt(relay.url))).toEqual({
      kind: 'broken',
      stage: 'greeting',
      ambiguous: false,
      text: greeting,
    })
  })

  it('gives up a relay that does not greet', async () => {
    const url = await misbehaving(() => {}, '')
    const opened = await openSmtp(relayAt(url, { greetingMs: 100 }))
    expect(opened).toMatchObject({ kind: 'broken', stage: 'greeting', ambiguous: false })
  })

  it('gives up a relay that hangs up at once', async () => {
    const url = await misbehaving(() => {}, null)
    expect(await openSmtp(relayAt(url))).toMatchObject({ kind: 'broken', stage: 'greeting', ambiguous: false })
  })

  it('logs in, and says when it may not, without the password', async () => {
    const relay = await sink({ login: { user: 'courant', password: 'p@ss:word' } })
    const right = await connect(relayAt(`smtp://courant:p%40ss%3Aword@127.0.0.1:${relay.port}`))
    expect(await right.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
    const wrong = await openSmtp(relayAt(`smtp://courant:secret-word@127.0.0.1:${relay.port}`))
    expect(wrong).toMatchObject({
      kind: 'broken',
      stage: 'auth',
      ambiguous: false,
      text: 'The relay refused the login: 535 5.7.8 wrong user or password',
    })
  })

  it('encrypts where it can with any certificate, or not at all, or only with one that verifies', async () => {
    const relay = await sink({ tls: true })
    for (const url of [relay.url, `${relay.url}?tls=off`]) {
      const connection = await connect(relayAt(url))
      expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
    }
    const strict = await openSmtp(relayAt(`${relay.url}?tls=require`))
    expect(strict).toMatchObject({ kind: 'broken', stage: 'greeting', text: expect.stringMatching(/certificate/i) })
    const plain = await openSmtp(relayAt(`${(await sink()).url}?tls=require`))
    expect(plain).toMatchObject({ kind: 'broken', stage: 'greeting' })
  })

  it('does not hand a password to a relay elsewhere that offers no TLS', async () => {
    const relay = await sink({ login: { user: 'courant', password: 'right' } })
    const here = relayAt(`smtp://courant:right@127.0.0.1:${relay.port}`)
    // 0.0.0.0 reaches this machine, too, but does not count as it.
    const elsewhere = { ...here, host: '0.0.0.0' }
    expect(await openSmtp(elsewhere)).toMatchObject({
      kind: 'broken',
      stage: 'auth',
      text: expect.stringContaining('TLS'),
    })
    await connect({ ...elsewhere, tls: 'off' })
  })
})
