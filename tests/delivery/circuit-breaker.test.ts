import { expect, test } from 'vitest'
import { neverAborted } from '../../src/abortable.ts'
import { openCircuitBreaker } from '../../src/delivery/circuit-breaker.ts'
import { type Outcome, readReply } from '../../src/delivery/outcome/outcome.ts'
import type { MessageReply } from '../../src/mail/smtp/reply.ts'
import { handClock } from '../support/clock.ts'
import { NOON } from '../support/world.ts'

const TAKEN: MessageReply = { kind: 'accepted', text: '250 2.0.0 taken' }
const FULL: MessageReply = { kind: 'deferred', code: 452, enhanced: '4.3.1', text: '452 4.3.1 no room', stage: 'mail' }
const NOBODY: MessageReply = {
  kind: 'refused',
  code: 550,
  enhanced: '5.1.1',
  text: '550 5.1.1 no such user',
  stage: 'rcpt',
}
const BROKEN: MessageReply = { kind: 'broken', stage: 'content', text: 'The connection was closed.', ambiguous: true }

const meaning = (reply: MessageReply): Outcome => readReply(reply, { attempts: 1, giveUpFrom: NOON, jitter: 0 }, NOON)

/** A breaker that recorded these, each of a message begun when the last had ended, with no wait left. */
function after(replies: readonly MessageReply[]) {
  let ms = 0
  const breaker = openCircuitBreaker({ ...handClock(NOON), monotonicMs: () => ms }, neverAborted)
  for (const reply of replies) {
    ms += 10_000
    breaker.record(reply, meaning(reply), ms)
  }
  ms += 10_000
  return { breaker, ms }
}

const times = (count: number, reply: MessageReply) => Array.from({ length: count }, () => reply)

test('messages to a relay that works are not delayed', async () => {
  expect(await after(times(20, TAKEN)).breaker.enter()).toBeNull()
})

test('a relay is given up after five failures in a row, with its reply', async () => {
  expect(await after(times(4, FULL)).breaker.enter()).toBeNull()
  expect(await after(times(5, FULL)).breaker.enter()).toEqual({
    reason: 'the relay has trouble of its own',
    reply: '452 4.3.1 no room',
  })
})

test('a connection that breaks five times in a row is a failure of its relay', async () => {
  expect(await after(times(4, BROKEN)).breaker.enter()).toBeNull()
  expect(await after(times(5, BROKEN)).breaker.enter()).toMatchObject({ reply: 'The connection was closed.' })
})

test('one message that is accepted, or rejected because of its reader, resets the count', async () => {
  for (const good of [TAKEN, NOBODY])
    expect(await after([...times(4, FULL), good, ...times(4, FULL)]).breaker.enter()).toBeNull()
})

test('a failure that messages on several connections meet at once counts once', async () => {
  const { breaker, ms } = after(times(4, FULL))
  for (let connection = 0; connection < 20; connection += 1) breaker.record(FULL, meaning(FULL), ms - 11_000)
  expect(await breaker.enter()).toBeNull()
})
