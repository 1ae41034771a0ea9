import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { hangUp, vanish } from '../../support/hostile-relay.ts'
import { connect, hostile, OCTETS, TEXT, TO, trouble, urlOf } from './connected.ts'

const STEPS = [
  ['MAIL', 'mail'],
  ['RCPT', 'rcpt'],
  ['DATA', 'data'],
  ['content', 'content'],
] as const

describe.each([{ offers: ['PIPELINING'] }, { offers: [] }])('a relay that offers $offers', ({ offers }) => {
  it.each(STEPS)('and refuses at %s is used again', async (verb, stage) => {
    const good = { MAIL: '250 ok\r\n', RCPT: '250 ok\r\n', DATA: '354 go\r\n', content: '250 taken\r\n' }
    const answers = { [verb]: ['550 5.7.1 no\r\n', '451 4.7.1 later\r\n', good[verb]] }
    const relay = await hostile({ offers, answers })
    const connection = await connect(urlOf(relay))
    const refusal = { kind: 'refused', code: 550, enhanced: '5.7.1', text: '550 5.7.1 no', stage }
    expect(await connection.send(TO, OCTETS)).toEqual(refusal)
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'deferred', code: 451, enhanced: '4.7.1', stage })
    expect(await connection.send(TO, OCTETS)).toEqual({
      kind: 'accepted',
      text: expect.stringMatching(/^250 .*taken$/),
    })
    expect(relay.connections()).toBe(1)
    expect(relay.contents).toHaveLength(stage === 'content' ? 3 : 1)
  })

  it.each(STEPS)('and says 421 at %s is left, without doubt', async (verb, stage) => {
    const relay = await hostile({ offers, answers: { [verb]: ['421 4.3.2 going down\r\n'] } })
    const connection = await connect(urlOf(relay))
    expect(await connection.send(TO, OCTETS)).toEqual(trouble(stage, '421 4.3.2 going down'))
    expect(connection.usable).toBe(false)
    await relay.ended(1)
  })

  it.each(STEPS)('and hangs up, vanishes, is silent or never ends its reply at %s is left', async (verb, stage) => {
    for (const answer of [hangUp, vanish, null, '250-a\r\n250-b\r\n']) {
      const relay = await hostile({ offers, answers: { [verb]: [answer] } })
      const patience = { mailMs: 100, rcptMs: 100, dataMs: 100, contentMs: 50, finishMs: 50 }
      const connection = await connect(urlOf(relay), patience)
      const reply = await connection.send(TO, OCTETS)
      expect(reply).toMatchObject({ kind: 'broken', ambiguous: stage === 'content' })
      expect(connection.usable).toBe(false)
      expect(await connection.send(TO, OCTETS)).toEqual(trouble('mail', reply.text))
      await relay.ended(1)
    }
  })

  it.each([
    ['999 what\r\n', 'no code'],
    ['OK\r\n', 'no code'],
    ['250-yes\r\n550 no\r\n', 'different codes'],
    ['354 go on\r\n', 'does not fit'],
    [`250 ${'x'.repeat(300_000)}\r\n`, 'longer than 256 KiB'],
  ])('and replies nonsense is left, in doubt only about a content it had whole (%#)', async (nonsense, text) => {
    const early = await hostile({ offers, answers: { MAIL: [nonsense] } })
    expect(await (await connect(urlOf(early))).send(TO, OCTETS)).toEqual(trouble('mail', text))
    const late = await hostile({ offers, answers: { content: [nonsense] } })
    const connection = await connect(urlOf(late))
    expect(await connection.send(TO, OCTETS)).toEqual(trouble('content', text, true))
    expect(connection.usable).toBe(false)
    await Promise.all([early.ended(1), late.ended(1)])
    expect(early.contents).toEqual([])
  })

  it('and says one octet at a time is understood', async () => {
    const relay = await hostile({ offers, drips: true, answers: { MAIL: ['250-first\r\n250 2.1.0 second\r\n'] } })
    const connection = await connect(urlOf(relay))
    for (let count = 0; count < 3; count += 1) {
      expect(await connection.send(TO, OCTETS)).toEqual({ kind: 'accepted', text: '250 2.0.0 taken' })
    }
    expect(relay.contents).toEqual([TEXT, TEXT, TEXT])
  })

  it('and says little and never enough is given up', async () => {
    const answers = { content: ['250-still at it\r\n'.repeat(20_000)] }
    const relay = await hostile({ offers, drips: true, answers })
    const connection = await connect(urlOf(relay), { contentMs: 50, finishMs: 50 })
    expect(await connection.send(TO, OCTETS)).toEqual(trouble('content', 'took too long', true))
  })

  it('and replies with a line of 100 KB is understood', async () => {
    const relay = await hostile({ offers, answers: { content: [`250 ${'x'.repeat(100_000)}\r\n`] } })
    const connection = await connect(urlOf(relay))
    expect(await connection.send(TO, OCTETS)).toEqual({ kind: 'accepted', text: `250 ${'x'.repeat(496)}` })
    expect(connection.usable).toBe(true)
  })

  it('and replies twice keeps its word, and is left, since it is out of step', async () => {
    const relay = await hostile({ offers, answers: { content: ['250 taken\r\n250 again\r\n'] } })
    const connection = await connect(urlOf(relay))
    expect(await connection.send(TO, OCTETS)).toEqual({ kind: 'accepted', text: '250 taken' })
    expect(connection.usable).toBe(false)
    const tooSoon = await hostile({ offers, answers: { MAIL: ['250 ok\r\n250 ok\r\n'] } })
    expect(await (await connect(urlOf(tooSoon))).send(TO, OCTETS)).toMatchObject({ kind: 'broken', ambiguous: false })
    await tooSoon.ended(1)
    expect(tooSoon.contents).toEqual([])
  })

  it('and takes leave between two messages is left', async () => {
    const relay = await hostile({ offers })
    const connection = await connect(urlOf(relay))
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
    relay.interrupt('421 4.4.2 idle for too long\r\n')
    await relay.ended(1)
    expect(connection.usable).toBe(false)
    const text = '421 4.4.2 idle for too long'
    expect(await connection.send(TO, OCTETS)).toEqual({ ...trouble('mail', ''), text })
  })

  it('and does not read the content is given up', async () => {
    const stopsReading = (socket: Socket) => {
      socket.pause()
      socket.write('354 go\r\n')
    }
    const relay = await hostile({ offers, answers: { DATA: [stopsReading] } })
    const connection = await connect(urlOf(relay), { contentMs: 100, finishMs: 100 })
    const reply = await connection.send(TO, Array(400).fill(Buffer.alloc(76_000, 'x')))
    expect(reply).toEqual(trouble('content', 'took too long', true))
    expect(connection.usable).toBe(false)
  })

  it('and does not know RSET is left', async () => {
    const relay = await hostile({ offers, answers: { RCPT: ['550 no\r\n'], RSET: ['502 what?\r\n'] } })
    const connection = await connect(urlOf(relay))
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'refused' })
    expect(await connection.send(TO, OCTETS)).toEqual(trouble('mail', '502 what?'))
    expect(connection.usable).toBe(false)
  })

  it('and does not say goodbye is not waited for', async () => {
    const relay = await hostile({ offers, answers: { QUIT: [null] } })
    const connection = await connect(urlOf(relay))
    await connection.close()
    await relay.ended(1)
    expect(relay.lines.at(-1)).toBe('QUIT')
    expect(connection.usable).toBe(false)
    expect(await connection.send(TO, OCTETS)).toEqual(trouble('mail', 'closed'))
  })
})

describe('pipelining', () => {
  it('sends an envelope in one go where it is offered, and in three where it is not', async () => {
    for (const offers of [['PIPELINING'], []]) {
      const relay = await hostile({ offers, answers: { RCPT: ['550 5.1.1 who?\r\n', '250 ok\r\n'] } })
      const connection = await connect(urlOf(relay))
      expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'refused' })
      expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
      // EHLO; MAIL, RCPT and, in a group, DATA; RSET, MAIL, RCPT, DATA.
      expect(relay.reads).toEqual(offers.length > 0 ? [1, 3, 4] : [1, 1, 1, 1, 1, 1, 1])
    }
  })

  it('takes replies that come late and in one lump', async () => {
    const relay = await hostile({ offers: ['PIPELINING'], lump: 3 })
    const connection = await connect(urlOf(relay))
    for (let count = 0; count < 3; count += 1) {
      expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
    }
    expect(relay.contents).toEqual([TEXT, TEXT, TEXT])
  })

  it('knows what was said of the recipient where the relay drops the rest of a group after an error', async () => {
    const relay = await hostile({
      offers: ['PIPELINING'],
      discardsAfterError: true,
      answers: { RCPT: ['550 5.1.1 who?\r\n'] },
    })
    const connection = await connect(urlOf(relay), { dataMs: 100 })
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'refused', code: 550, stage: 'rcpt' })
    expect(connection.usable).toBe(false)
    await relay.ended(1)
  })

  it('gives a relay that asks for content it cannot deliver an empty one, and goes on', async () => {
    const relay = await hostile({
      offers: ['PIPELINING'],
      answers: {
        RCPT: ['550 5.1.1 who?\r\n', '250 ok\r\n'],
        DATA: ['354 go\r\n'],
        content: ['554 nobody\r\n', '250 taken\r\n'],
      },
    })
    const connection = await connect(urlOf(relay))
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'refused', code: 550, stage: 'rcpt' })
    expect(await connection.send(TO, OCTETS)).toMatchObject({ kind: 'accepted' })
    expect(relay.contents).toEqual(['', TEXT])
  })
})
