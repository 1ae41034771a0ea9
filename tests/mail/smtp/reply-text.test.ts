import { describe, expect, it } from 'vitest'
import { cleanText, parseEnhanced } from '../../../src/mail/smtp/reply-text.ts'

describe('parseEnhanced', () => {
  it.each([
    ['550 5.1.1 <anna@example.net>: Recipient address rejected', '5.1.1'],
    ['550-5.7.26 Unauthenticated mail 550 5.7.26 is not accepted', '5.7.26'],
    ['550 #5.1.0 Address rejected', '5.1.0'],
    ['452 4.2.2 (Mailbox full)', '4.2.2'],
    ['554 Message refused (5.7.1)', '5.7.1'],
    ['5.4.14 (too many hops)', '5.4.14'],
  ])('finds the code in %s', (text, code) => {
    expect(parseEnhanced(text)).toBe(code)
  })

  it.each(['550 no such user', '554 5.2.3.4 is listed', '451 5.1.1 of another class', '250 server 5.1.2', ''])(
    'finds none in "%s"',
    (text) => {
      expect(parseEnhanced(text)).toBeNull()
    },
  )
})

describe('cleanText', () => {
  it('gives one line without control characters, of at most 500 whole characters', () => {
    expect(cleanText(' 550-a\r\n550\t\u0000b\u001b[0m \u202e\n')).toBe('550-a 550 b [0m')
    expect([...cleanText('🦊'.repeat(600))]).toEqual(Array.from({ length: 500 }, () => '🦊'))
  })
})
