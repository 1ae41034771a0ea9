import { expect, it } from 'vitest'
import { NO_OFFER, readOffer } from '../../../src/mail/smtp/capabilities.ts'

it.each([
  ['250 relay.test', NO_OFFER],
  ['250-PIPELINING is my name\n250 HELP', NO_OFFER],
  ['250-relay.test\n250-PIPELINING\n250 8BITMIME', { ...NO_OFFER, pipelining: true, eightBit: true }],
  ['250-relay.test\n250-pipelining\n250 smtputf8', { ...NO_OFFER, pipelining: true, smtpUtf8: true }],
  ['250-relay.test\n250-STARTTLS\n250 XPIPELINING', { ...NO_OFFER, startTls: true }],
  ['250-relay.test\n250 SIZE', { ...NO_OFFER, size: 0 }],
  ['250-relay.test\n250 SIZE 0', { ...NO_OFFER, size: 0 }],
  ['250-relay.test\n250 SIZE 35882577', { ...NO_OFFER, size: 35_882_577 }],
  ['250-relay.test\n250 SIZE many', NO_OFFER],
  ['250-relay.test\n250-AUTH plain LOGIN CRAM-MD5\n250 DSN', { ...NO_OFFER, auth: ['PLAIN', 'LOGIN', 'CRAM-MD5'] }],
  ['250-relay.test\n250-AUTH=LOGIN PLAIN\n250 X', { ...NO_OFFER, auth: ['LOGIN', 'PLAIN'] }],
])('an offer is read from %j', (text, offer) => {
  expect(readOffer(text)).toEqual(offer)
})
