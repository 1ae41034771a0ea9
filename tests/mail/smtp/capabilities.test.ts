import { expect, it } from 'vitest'
import { NO_CAPABILITIES, readCapabilities } from '../../../src/mail/smtp/capabilities.ts'

it.each([
  ['250 relay.test', NO_CAPABILITIES],
  ['250-PIPELINING is my name\n250 HELP', NO_CAPABILITIES],
  ['250-relay.test\n250-PIPELINING\n250 8BITMIME', { ...NO_CAPABILITIES, pipelining: true, eightBit: true }],
  ['250-relay.test\n250-pipelining\n250 smtputf8', { ...NO_CAPABILITIES, pipelining: true, smtpUtf8: true }],
  ['250-relay.test\n250-STARTTLS\n250 XPIPELINING', { ...NO_CAPABILITIES, startTls: true }],
  ['250-relay.test\n250 SIZE', { ...NO_CAPABILITIES, size: 0 }],
  ['250-relay.test\n250 SIZE 0', { ...NO_CAPABILITIES, size: 0 }],
  ['250-relay.test\n250 SIZE 35882577', { ...NO_CAPABILITIES, size: 35_882_577 }],
  ['250-relay.test\n250 SIZE many', NO_CAPABILITIES],
  [
    '250-relay.test\n250-AUTH plain LOGIN CRAM-MD5\n250 DSN',
    { ...NO_CAPABILITIES, auth: ['PLAIN', 'LOGIN', 'CRAM-MD5'] },
  ],
  ['250-relay.test\n250-AUTH=LOGIN PLAIN\n250 X', { ...NO_CAPABILITIES, auth: ['LOGIN', 'PLAIN'] }],
])('an offer is read from %j', (text, offer) => {
  expect(readCapabilities(text)).toEqual(offer)
})
