import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { freshDatabase } from '../support/fresh.ts'
import { type Answer, hangUp, vanish } from '../support/hostile-relay.ts'
import {
  expectAll,
  IMPATIENT,
  inMinutes,
  messageIdOf,
  plan,
  readDeliveries,
  send,
  senderToPort,
  startScriptedRelay,
  suppressedBy,
  trickle,
} from './hostile-sending.ts'

const { db } = await freshDatabase()
const PIPELINING = { offers: ['PIPELINING'] }
const GO_ON = '354 go on\r\n'
const cutContent = (socket: Socket) => {
  socket.write(GO_ON)
  socket.once('data', () => vanish(socket))
}
const VERBS = ['MAIL', 'RCPT', 'DATA', 'content'] as const

describe.each([PIPELINING, { offers: [] }])('a relay that offers $offers', (offer) => {
  test.each([
    ['RCPT', 'the receiver’s policy forbids it', 'failed', null],
    ['DATA', 'the receiver’s policy forbids it', 'failed', null],
    ['content', 'the receiver’s policy forbids it', 'failed', null],
    ['MAIL', 'the relay does not let this sender send', 'deferred', inMinutes(5)],
  ] as const)('and refuses at %s: %s', async (verb, reason, state, wait) => {
    const edition = await plan(db)
    const { sender } = await startScriptedRelay({ ...offer, answers: { [verb]: ['550 5.7.1 no\r\n'] } })
    await send(db, sender, edition)
    await expectAll(db, edition, { state, reason, reply: '550 5.7.1 no', ambiguous: false, wait })
  })

  test.each(VERBS)('and asks at %s to come back is asked again when the time has come', async (verb) => {
    const edition = await plan(db)
    const { sender } = await startScriptedRelay({ ...offer, answers: { [verb]: ['450 4.2.0 Greylisted\r\n'] } })
    await send(db, sender, edition)
    const reason = 'the receiver asked to come back soon (greylisting)'
    const wait = inMinutes(5)
    await expectAll(db, edition, { state: 'deferred', reason, reply: '450 4.2.0 Greylisted', attempts: 1, wait })
    const open = await startScriptedRelay(offer)
    await send(db, open.sender, edition, 4)
    expect(open.relay.contents).toEqual([])
    await send(db, open.sender, edition, 10)
    await expectAll(db, edition, { state: 'sent', attempts: 2, ambiguous: false })
  })

  test.each(VERBS)('and closes with 421 at %s counts as no attempt at a message', async (verb) => {
    const edition = await plan(db)
    const leaves = '421 4.3.2 shutting down'
    const { sender } = await startScriptedRelay({ ...offer, answers: { [verb]: [`${leaves}\r\n`] } })
    await send(db, sender, edition)
    await expectAll(db, edition, { state: 'deferred', reply: leaves, attempts: 0, ambiguous: false })
    await send(db, (await startScriptedRelay(offer)).sender, edition, 10)
    await expectAll(db, edition, { state: 'sent', attempts: 1, ambiguous: false })
  })

  test('and closes with 421 after two messages gets all of them, each once and at the first attempt', async () => {
    const edition = await plan(db, 7)
    const begun = new WeakMap<Socket, number>()
    const answer: Answer = (socket) => {
      const count = begun.get(socket) ?? 0
      begun.set(socket, count + 1)
      socket.write(count < 2 ? '250 ok\r\n' : '421 4.7.0 enough for one connection\r\n')
    }
    const { relay, sender } = await startScriptedRelay({ ...offer, answers: { MAIL: [answer] } })
    for (let minutes = 0; minutes < 60; minutes += 10) await send(db, sender, edition, minutes)
    await expectAll(db, edition, { state: 'sent', attempts: 1, ambiguous: false })
    expect(relay.contents).toHaveLength(7)
    expect(new Set(relay.contents.map(messageIdOf)).size).toBe(7)
  })
})

describe('a relay', () => {
  test.each([
    ['550 5.7.1 Relaying denied', 'the relay does not let this sender send'],
    ['452 4.3.1 Insufficient system storage', 'the relay has trouble of its own'],
  ])('that says %s to one after another is left alone, with all that waits', async (reply, reason) => {
    const edition = await plan(db, 30)
    const { relay, sender } = await startScriptedRelay({ ...PIPELINING, answers: { MAIL: [`${reply}\r\n`] } })
    await send(db, sender, edition)
    await expectAll(db, edition, { state: 'deferred', reason, reply, ambiguous: false })
    expect(relay.lines.filter((line) => line.startsWith('MAIL')).length).toBeLessThan(10)
    await send(db, (await startScriptedRelay(PIPELINING)).sender, edition, 10)
    await expectAll(db, edition, { state: 'sent' })
  })

  test.each([
    ['a mailbox that is gone', 'RCPT', '550 5.1.1 no such user', ['550 5.1.1 no such user']],
    ['a sender it does not know', 'MAIL', '550 5.1.1 no such user', []],
    ['spam', 'content', '554 5.7.1 Spam message rejected', []],
    ['a list its sender is on', 'RCPT', '554 5.7.1 blocked using zen.spamhaus.org', []],
    ['a full mailbox', 'RCPT', '552 5.2.2 Over quota', []],
    ['a user it has not made yet', 'RCPT', '450 4.1.1 no such user', []],
  ] as const)('that speaks of %s suppresses whom it should', async (_, verb, reply, suppressed) => {
    const edition = await plan(db, 1)
    const { sender } = await startScriptedRelay({ ...PIPELINING, answers: { [verb]: [`${reply}\r\n`] } })
    await send(db, sender, edition)
    expect((await readDeliveries(db, edition)).map((row) => row.reply)).toEqual([reply])
    expect(await suppressedBy(db)).toEqual(suppressed)
  })

  test.each<[string, Answer]>([
    ['vanishes', vanish],
    ['is silent', null],
    ['sends an octet now and then', trickle],
    ['replies 999', '999 what\r\n'],
    ['sends what is not a reply', 'OK\r\n'],
    ['contradicts itself', '250-yes\r\n550 no\r\n'],
    ['asks for more', '354 more\r\n'],
    ['does not stop', `250 ${'x'.repeat(300_000)}\r\n`],
    ['hangs up', hangUp],
  ])(
    'that %s behind the whole message, twice, may have it: two copies under one Message-ID, no third',
    async (_, answer) => {
      const edition = await plan(db, 1)
      const { relay, sender } = await startScriptedRelay(
        { ...PIPELINING, answers: { content: [answer] } },
        { timeouts: IMPATIENT },
      )
      await send(db, sender, edition)
      await expectAll(db, edition, {
        state: 'sent',
        reason: expect.stringContaining('it may have arrived'),
        reply: expect.any(String),
        attempts: 2,
        ambiguous: true,
      })
      await send(db, await senderToPort(relay.port), edition, 60)
      expect(relay.contents).toHaveLength(2)
      expect(new Set(relay.contents.map(messageIdOf)).size).toBe(1)
    },
  )

  test('that resets the connection in the middle of a second copy has not had it: the copy goes again', async () => {
    const edition = await plan(db, 1)
    const answers = { DATA: [GO_ON, cutContent, cutContent, GO_ON], content: [vanish, '250 taken\r\n'] }
    const { relay, sender } = await startScriptedRelay({ ...PIPELINING, answers })
    await send(db, sender, edition)
    await expectAll(db, edition, {
      state: 'deferred',
      reason: 'the connection broke at content',
      attempts: 3,
      ambiguous: true,
    })
    await send(db, await senderToPort(relay.port), edition, 60)
    await expectAll(db, edition, { state: 'sent', reply: '250 taken', attempts: 4, ambiguous: true })
  })

  test.each<[string, Answer]>([
    ['hangs up', hangUp],
    ['is silent', null],
    ['sends an octet now and then', trickle],
    ['contradicts itself', '250-yes\r\n550 no\r\n'],
  ])('that %s at RCPT leaves no doubt', async (_, answer) => {
    const edition = await plan(db, 1)
    const { relay, sender } = await startScriptedRelay({ answers: { RCPT: [answer] } }, { timeouts: IMPATIENT })
    await send(db, sender, edition)
    const reason = 'the connection broke at rcpt'
    await expectAll(db, edition, { state: 'deferred', reason, attempts: 3, ambiguous: false, wait: inMinutes(20) })
    expect(relay.contents).toEqual([])
  })

  test('that sends one octet at a time, over several lines, is understood', async () => {
    const edition = await plan(db)
    const content = ['250-a\r\n250 b\r\n', '550-5.7.1 first\r\n550 5.7.1 second\r\n']
    const { sender } = await startScriptedRelay({ ...PIPELINING, drips: true, answers: { content } })
    await send(db, sender, edition)
    expect((await readDeliveries(db, edition)).map((row) => [row.state, row.reply])).toEqual([
      ['sent', '250-a 250 b'],
      ['failed', '550-5.7.1 first 550 5.7.1 second'],
    ])
    expect(await suppressedBy(db)).toEqual([])
  })

  test('that sends lines of 100 KB is understood, and what is kept of them fits on a page', async () => {
    const edition = await plan(db)
    const long = 'x'.repeat(100_000)
    const { sender } = await startScriptedRelay({
      ...PIPELINING,
      answers: { content: [`250 ${long}\r\n`, `554 5.6.0 ${long}\r\n`] },
    })
    await send(db, sender, edition)
    expect((await readDeliveries(db, edition)).map((row) => [row.state, row.reply?.length])).toEqual([
      ['sent', 500],
      ['failed', 500],
    ])
  })
})

describe('a relay that offers PIPELINING and cannot', () => {
  test('and reads one command of a group is not waited for any longer than others', async () => {
    const edition = await plan(db, 1)
    const { relay, sender } = await startScriptedRelay({ ...PIPELINING, hearsOne: true }, { timeouts: IMPATIENT })
    await send(db, sender, edition)
    const reason = 'the connection broke at rcpt'
    const reply = 'The relay took too long.'
    await expectAll(db, edition, { state: 'deferred', reason, reply, attempts: 3, ambiguous: false })
    expect(relay.contents).toEqual([])
  })

  test('and loses track of the session rejects no message by that', async () => {
    const edition = await plan(db)
    const answers = { RCPT: ['503 5.5.1 need MAIL\r\n'], DATA: ['503 5.5.1 need RCPT\r\n'] }
    const { sender } = await startScriptedRelay({ ...PIPELINING, answers })
    await send(db, sender, edition)
    const reason = 'the relay lost track of the dialogue'
    await expectAll(db, edition, { state: 'deferred', reason, reply: '503 5.5.1 need MAIL', ambiguous: false })
  })

  test('and asks for the content although it refused the recipient gets none', async () => {
    const edition = await plan(db)
    const answers = { RCPT: ['550 5.7.1 no\r\n'], DATA: ['354 go\r\n'] }
    const { relay, sender } = await startScriptedRelay({ ...PIPELINING, answers })
    await send(db, sender, edition)
    await expectAll(db, edition, { state: 'failed', reply: '550 5.7.1 no', attempts: 1 })
    expect(relay.contents).toEqual(['', ''])
  })
})
