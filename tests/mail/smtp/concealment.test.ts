import { describe, expect, it } from 'vitest'
import { redactLogin } from '../../../src/mail/smtp/concealment.ts'

const LOGIN = { user: 'newsletter-user', password: 'kühles Blondes+1' }
const base64 = (text: string) => Buffer.from(text).toString('base64')
const PLAIN = base64(`\0${LOGIN.user}\0${LOGIN.password}`)
const conceal = redactLogin(LOGIN)

describe('what was said at the login', () => {
  it.each([
    [`500 5.5.2 What is "AUTH PLAIN ${PLAIN}"?`, '500 5.5.2 What is "AUTH PLAIN …"?'],
    [`500 unknown command: AUTH PLAIN ${PLAIN.toUpperCase()}`, '500 unknown command: AUTH PLAIN …'],
    [`500 unknown command: AUTH PLAIN ${PLAIN.slice(0, 24)}`, '500 unknown command: AUTH PLAIN …'],
    [`501 ${base64(LOGIN.password)} is no command`, '501 … is no command'],
    [`535 ${base64(LOGIN.user)} refused`, '535 … refused'],
    [`535 wrong password ${LOGIN.password} for ${LOGIN.user}`, '535 wrong password … for …'],
  ])('is hidden when a relay repeats it: %s', (said, shown) => {
    expect(conceal(said)).toBe(shown)
  })

  it('leaves other words as they are', () => {
    const said = '550 5.1.1 <anna@example.org>: Recipient address rejected: User unknown in virtual mailbox table'
    expect(conceal(said)).toBe(said)
    expect(redactLogin({ user: 'mail', password: 'box' })(said)).toBe(said)
    expect(redactLogin({ user: 'mail', password: 'cip' })('550 Récipient, cipé')).toBe('550 Récipient, cipé')
  })

  it('is hidden where it is short and stands alone', () => {
    expect(redactLogin({ user: 'a', password: 'b.c' })('535 wrong password: b.c')).toBe('535 wrong password: …')
  })
})
