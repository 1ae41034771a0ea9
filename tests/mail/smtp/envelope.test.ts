import { describe, expect, it } from 'vitest'
import { type Capabilities, NO_CAPABILITIES } from '../../../src/mail/smtp/capabilities.ts'
import { writeEnvelope } from '../../../src/mail/smtp/envelope.ts'

const ALL: Capabilities = { ...NO_CAPABILITIES, pipelining: true, size: 1000, eightBit: true, smtpUtf8: true }
const TO = { from: 'news@example.org', to: 'anna@example.net' }
const SMALL = { octets: 77, eightBit: false }

describe('an envelope', () => {
  it.each([
    [TO, SMALL, NO_CAPABILITIES, 'MAIL FROM:<news@example.org>', 'RCPT TO:<anna@example.net>'],
    [TO, SMALL, ALL, 'MAIL FROM:<news@example.org> SIZE=77', 'RCPT TO:<anna@example.net>'],
    [{ ...TO, from: '' }, SMALL, NO_CAPABILITIES, 'MAIL FROM:<>', 'RCPT TO:<anna@example.net>'],
    [
      { from: 'news@bücher.example', to: 'anna@müller.de' },
      SMALL,
      NO_CAPABILITIES,
      'MAIL FROM:<news@xn--bcher-kva.example>',
      'RCPT TO:<anna@xn--mller-kva.de>',
    ],
    [
      { ...TO, to: 'änne@example.net' },
      { octets: 77, eightBit: true },
      ALL,
      'MAIL FROM:<news@example.org> SIZE=77 BODY=8BITMIME SMTPUTF8',
      'RCPT TO:<änne@example.net>',
    ],
    [
      TO,
      { octets: 5000, eightBit: false },
      { ...ALL, size: 0 },
      'MAIL FROM:<news@example.org> SIZE=5000',
      'RCPT TO:<anna@example.net>',
    ],
  ])('%j is written as two commands (%#)', (envelope, measured, offer, mail, rcpt) => {
    expect(writeEnvelope(envelope, measured, offer)).toEqual({ mail: `${mail}\r\n`, rcpt: `${rcpt}\r\n` })
  })

  it.each([
    [{ ...TO, to: 'änne@example.net' }, SMALL, NO_CAPABILITIES, 553, '5.6.7', 'rcpt'],
    [{ ...TO, to: '' }, SMALL, ALL, 553, '5.1.3', 'rcpt'],
    [{ ...TO, to: 'anna@example.net>\r\nRCPT TO:<eve@example.net' }, SMALL, ALL, 553, '5.1.3', 'rcpt'],
    [{ ...TO, to: 'anna@example.net> NOTIFY=NEVER' }, SMALL, ALL, 553, '5.1.3', 'rcpt'],
    [{ ...TO, to: 'anna\0@example.net' }, SMALL, ALL, 553, '5.1.3', 'rcpt'],
    // The sender's fault must not count against the reader.
    [{ ...TO, from: 'news\n@example.org' }, SMALL, ALL, 553, '5.1.7', 'mail'],
    [TO, { octets: 1001, eightBit: false }, ALL, 552, '5.3.4', 'mail'],
    [TO, { octets: 77, eightBit: true }, NO_CAPABILITIES, 554, '5.6.3', 'mail'],
  ])('%j is refused where the relay could not take it (%#)', (envelope, measured, offer, code, enhanced, stage) => {
    expect(writeEnvelope(envelope, measured, offer)).toEqual({
      kind: 'refused',
      code,
      enhanced,
      stage,
      text: expect.stringMatching(new RegExp(`^${code} ${enhanced} `)),
    })
  })
})
