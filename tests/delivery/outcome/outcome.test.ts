import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { classifyReply } from '../../../src/delivery/outcome/classify.ts'
import type { Attempt } from '../../../src/delivery/outcome/next-attempt.ts'
import { readReply } from '../../../src/delivery/outcome/outcome.ts'
import { CLASSES } from '../../../src/delivery/outcome/reply-class.ts'
import { type MessageReply, readFinalReply, readRejection, type SendStage } from '../../../src/mail/smtp/reply.ts'
import { NOON } from '../../support/world.ts'

const FIRST: Attempt = { attempts: 1, giveUpFrom: NOON, jitter: 0 }
const LATE = NOON.add({ hours: 48 })

const refusal = (text: string, stage: SendStage = 'rcpt'): MessageReply =>
  readRejection({ kind: 'reply', code: Number(text.slice(0, 3)), text }, stage)
const broken = (
  stage: Extract<MessageReply, { kind: 'broken' }>['stage'],
  text: string,
  ambiguous = false,
): MessageReply => ({
  kind: 'broken',
  stage,
  ambiguous,
  text,
})
const read = (reply: MessageReply, attempts = 1, now = NOON) => readReply(reply, { ...FIRST, attempts }, now)

describe('a reply', () => {
  test('of 2xx sends', () => {
    const reply = readFinalReply({ kind: 'reply', code: 250, text: '250 2.0.0 taken' })
    expect(read(reply)).toMatchObject({ state: 'sent', reason: null, reply: '250 2.0.0 taken', pausesRelay: false })
  })

  test('of 5xx fails, in plain words beside the relay’s, and suppresses an unknown mailbox and no other', () => {
    expect(read(refusal('550 5.1.1 no such user'))).toMatchObject({
      state: 'failed',
      reason: 'the mailbox does not exist',
      reply: '550 5.1.1 no such user',
      suppress: true,
      notAttempted: false,
    })
    const others = {
      '552 5.2.2 Over quota': 'the mailbox is full',
      '550 5.2.1 User is inactive': 'the mailbox is disabled',
      '554 5.7.1 Spam message rejected': 'the content was refused',
      '550 5.7.1 blocked using zen.spamhaus.org': 'the sender is blocked or not authenticated',
      '552 5.3.4 too large': 'the message is too large',
      '550 5.7.9 not accepted for policy reasons': 'the receiver’s policy forbids it',
      '554 5.4.6 Too many hops': 'the receiver has trouble of its own',
      '550 no': 'refused for a reason that is not known',
    }
    for (const [text, reason] of Object.entries(others)) {
      expect(read(refusal(text))).toMatchObject({ state: 'failed', reason, reply: text, suppress: false })
    }
  })

  test('of 4xx defers by its class, with the class’s wait, until 48 hours after the slot', () => {
    const waits = {
      '450 4.2.0 Greylisted': 5,
      '450 receiving mail too quickly': 30,
      '452 4.2.2 Over quota': 120,
      '451 x': 5,
    }
    for (const [text, minutes] of Object.entries(waits)) {
      expect(read(refusal(text))).toMatchObject({ state: 'deferred', retryAt: NOON.add({ minutes }), suppress: false })
      expect(read(refusal(text), 1, LATE)).toMatchObject({
        state: 'failed',
        reason: expect.stringMatching(/, for 48 hours$/),
        reply: text,
        suppress: false,
      })
    }
  })

  test('never suppresses for 4xx, whatever its text', () => {
    for (const text of ['450 4.1.1 no such user', '450 user unknown', '450 4.1.3 bad address']) {
      expect(read(refusal(text), 1, LATE).suppress).toBe(false)
    }
  })

  test('suppresses only with 5xx of a class that does, at any stage and attempt', () => {
    const texts = fc
      .tuple(
        fc.constantFrom('450', '451', '550', '552', '554'),
        fc.constantFrom('', ' x.1.1', ' x.2.2', ' x.7.1'),
        fc.constantFrom('no such user', 'spam', 'try later', 'quota exceeded'),
      )
      .map(([code, enhanced, words]) => `${code}${enhanced.replace('x', code.slice(0, 1))} ${words}`)
    const stages = fc.constantFrom<SendStage>('mail', 'rcpt', 'data', 'content')
    fc.assert(
      fc.property(texts, stages, fc.integer({ min: 1, max: 50 }), (text, stage, attempts) => {
        const reply = refusal(text, stage)
        const outcome = read(reply, attempts)
        if (!outcome.suppress) return
        expect(outcome.state).toBe('failed')
        expect(reply.kind).toBe('refused')
        expect(CLASSES[reply.kind === 'refused' ? classifyReply(reply) : 'unknown'].attributedTo).toBe('reader')
      }),
    )
  })
})

describe('a relay’s own failure', () => {
  test.each([
    ['421 at MAIL', refusal('421 4.7.0 closing', 'mail')],
    ['421 to the content', readFinalReply({ kind: 'reply', code: 421, text: '421 shutting down' })],
    ['a required login', refusal('530 5.7.0 Authentication required', 'mail')],
    ['a login it refuses', broken('auth', '535 5.7.8 wrong password')],
    ['a greeting that turns away', broken('greeting', '554 5.7.1 not you')],
    ['no connection', broken('connect', 'connect ECONNREFUSED')],
    ['too many connections', refusal('450 4.7.0 Error: too many connections from 192.0.2.1', 'mail')],
    ['a shutdown', refusal('451 4.3.2 System shutting down', 'rcpt')],
    ['a full disk', refusal('452 4.3.1 Insufficient system storage', 'mail')],
    ['an account’s limit', refusal('454 Throttling failure: Maximum sending rate exceeded', 'content')],
  ])('is no attempt at the message, and pauses the relay: %s', (_, reply) => {
    for (const attempts of [1, 2, 3, 20]) {
      expect(read(reply, attempts)).toEqual({
        state: 'deferred',
        reason: 'the relay has trouble of its own',
        reply: expect.any(String),
        retryAt: NOON.add({ minutes: 1 }),
        ambiguous: false,
        suppress: false,
        notAttempted: true,
        pausesRelay: true,
      })
    }
  })

  test('ends with the message’s time', () => {
    expect(read(refusal('421 4.3.2 closing', 'mail'), 1, LATE)).toMatchObject({
      state: 'failed',
      reason: 'the relay has trouble of its own, for 48 hours',
      suppress: false,
      notAttempted: true,
    })
  })

  test('that closes with a reason is tried again when that may be over, and its reason is kept', () => {
    for (const [text, minutes, reason] of [
      ['421 4.7.0 [GL01] Message temporarily deferred', 5, 'the receiver asked to come back soon (greylisting)'],
      ['421 Rate limit reached. Please try again later', 30, 'the receiver takes no more for now'],
      ['421 4.7.0 [TSS04] Messages temporarily deferred', 30, 'the sender is blocked or not authenticated'],
    ] as const) {
      expect(read(refusal(text, 'mail'))).toMatchObject({
        state: 'deferred',
        reason,
        reply: text,
        retryAt: NOON.add({ minutes }),
        notAttempted: true,
        pausesRelay: true,
      })
    }
  })

  test('with who may send is tried again though it says 5xx, fails nobody at once, and pauses the relay', () => {
    for (const [text, stage] of [
      ['553 anna@example.com: Sender address rejected: not owned by user x', 'rcpt'],
      ['554 5.7.1 <anna@example.org>: Relay access denied', 'rcpt'],
      ['501 Invalid MAIL FROM address provided', 'mail'],
      ['554 Message rejected: Email address is not verified.', 'content'],
    ] as const) {
      expect(read(refusal(text, stage), 2)).toMatchObject({
        state: 'deferred',
        reason: 'the relay does not let this sender send',
        reply: text,
        retryAt: NOON.add({ minutes: 10 }),
        notAttempted: false,
        pausesRelay: true,
      })
    }
  })
})

describe('a connection that breaks', () => {
  test('is tried again at once, twice, then later; in doubt only after the content', () => {
    for (const [stage, ambiguous] of [
      ['rcpt', false],
      ['content', true],
    ] as const) {
      const reply = broken(stage, 'The connection was closed.', ambiguous)
      const reason = `the connection broke at ${stage}`
      for (const attempts of [1, 2]) {
        expect(read(reply, attempts)).toMatchObject({
          state: 'queued',
          reason,
          ambiguous,
          notAttempted: false,
          pausesRelay: false,
        })
      }
      const retryAt = NOON.add({ minutes: 20 })
      expect(read(reply, 3)).toMatchObject({ state: 'deferred', reason, ambiguous, retryAt, notAttempted: false })
      expect(read(reply, 3, LATE)).toMatchObject({ state: 'failed', ambiguous, suppress: false })
    }
  })
})

describe('a relay that does not reply to the whole message, of which a copy may have arrived before', () => {
  const again = (ambiguous: boolean, attempts = 2) =>
    readReply(broken('content', 'read ECONNRESET', ambiguous), { ...FIRST, attempts, mayHaveArrived: true }, NOON)

  test('has it, as far as anybody can tell: no reader gets a third copy, and the relay is paused', () => {
    for (const attempts of [2, 9])
      expect(again(true, attempts)).toMatchObject({
        state: 'sent',
        reason: expect.stringContaining('for the second time'),
        reply: 'read ECONNRESET',
        ambiguous: true,
        suppress: false,
        notAttempted: false,
        pausesRelay: true,
      })
  })

  test('has not had it where the connection broke before its end went out', () => {
    expect(again(false)).toMatchObject({ state: 'queued', ambiguous: false, pausesRelay: false })
  })

  test('has rejected it where it replies so', () => {
    const later = { ...FIRST, attempts: 2, mayHaveArrived: true }
    expect(readReply(refusal('451 4.3.0 later', 'content'), later, NOON)).toMatchObject({ state: 'deferred' })
    expect(readReply(broken('content', '421 4.3.2 closing'), later, NOON)).toMatchObject({ state: 'deferred' })
  })
})

test('a relay that loses track of the session rejects no message by that', () => {
  expect(read(refusal('503 5.5.1 Error: need RCPT command', 'data'))).toMatchObject({
    state: 'deferred',
    reason: 'the relay lost track of the dialogue',
    suppress: false,
    pausesRelay: true,
  })
})
