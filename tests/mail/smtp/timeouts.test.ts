import { expect, it } from 'vitest'
import { parseRelay } from '../../../src/mail/relays/relay.ts'
import { RFC_TIMEOUTS, timeoutsOf } from '../../../src/mail/smtp/timeouts.ts'

it('patience is the standard’s where a relay’s timeouts allow it', () => {
  const hour = 3_600_000
  const endless = { connectMs: 30_000, greetingMs: 300_000, socketMs: hour, messageMs: hour, arrivalMs: 1_000 }
  expect(timeoutsOf(endless)).toEqual(RFC_TIMEOUTS)
})

it('patience is never longer than a relay’s timeouts say', () => {
  const short = timeoutsOf({ connectMs: 10, greetingMs: 20, socketMs: 30, messageMs: 300, arrivalMs: 5 })
  expect(short).toMatchObject({ connectMs: 10, encryptMs: 30, greetingMs: 20, helloMs: 30, mailMs: 30, contentMs: 30 })
  const { helloMs, ...steps } = timeoutsOf({
    connectMs: 10,
    greetingMs: 20,
    socketMs: 300,
    messageMs: 30,
    arrivalMs: 5,
  })
  expect(helloMs).toBe(300)
  expect(steps).toMatchObject({ mailMs: 30, rcptMs: 30, dataMs: 30, contentMs: 30, finishMs: 30 })
})

it('patience with a relay that has the whole content is as long as the message may take, however silent the relay', () => {
  expect(timeoutsOf({ connectMs: 10, greetingMs: 20, socketMs: 30, messageMs: 300, arrivalMs: 5 }).finishMs).toBe(300)
  expect(timeoutsOf(parseRelay('smtp://relay.test').timeouts).finishMs).toBe(10 * 60_000)
  expect(timeoutsOf(parseRelay('smtp://relay.test').timeouts)).toMatchObject({ mailMs: 60_000, contentMs: 60_000 })
})
