import { describe, expect, test } from 'vitest'
import { certify } from '../mail/smtp/certificate.ts'
import { freshDatabase } from '../support/fresh.ts'
import { type Script, vanish } from '../support/hostile-relay.ts'
import { expectAll, IMPATIENT, plan, send, startScriptedRelay } from './hostile-sending.ts'

const { db } = await freshDatabase()
const OFFERS_TLS = { offers: ['STARTTLS'] }
const WANTS_TLS = { options: '&tls=require' }

describe('a relay that lets nobody in', () => {
  test.each<[string, Script, Parameters<typeof startScriptedRelay>[1], string]>([
    ['greets with 554', { greeting: '554 5.7.1 not you\r\n' }, {}, '554 5.7.1 not you'],
    ['greets with 421', { greeting: '421 4.3.2 too busy\r\n' }, {}, '421 4.3.2 too busy'],
    ['greets with nonsense', { greeting: 'SSH-2.0-OpenSSH_9.2\r\n' }, {}, 'cannot be understood'],
    ['never greets', { greeting: null }, { timeouts: IMPATIENT }, 'took too long'],
    ['refuses EHLO and HELO', { answers: { EHLO: ['502 what\r\n'], HELO: ['550 no\r\n'] } }, {}, '550 no'],
    ['does not offer TLS', {}, WANTS_TLS, 'offers no TLS'],
    [
      'offers a login and no TLS',
      { offers: ['AUTH PLAIN'] },
      { login: 'user:secret@', ...WANTS_TLS },
      'offers no TLS (STARTTLS), which tls=require wants, so nothing was sent',
    ],
    ['drops STARTTLS', { ...OFFERS_TLS, answers: { STARTTLS: [vanish] } }, WANTS_TLS, 'ECONNRESET'],
    ['refuses STARTTLS', { ...OFFERS_TLS, answers: { STARTTLS: ['454 4.7.0 no\r\n'] } }, WANTS_TLS, '454 4.7.0 no'],
    ['has a wrong certificate', { ...OFFERS_TLS, tls: certify('relay.test') }, WANTS_TLS, 'certificate'],
    [
      'refuses the login',
      { offers: ['AUTH PLAIN'], answers: { AUTH: ['535 5.7.8 wrong password\r\n'] } },
      { login: 'user:secret@' },
      '535 5.7.8 wrong password',
    ],
  ])('and %s keeps everything for later, as not attempted', async (_, script, manner, reply) => {
    const edition = await plan(db)
    const { relay, sender } = await startScriptedRelay(script, manner)
    await send(db, sender, edition)
    await expectAll(db, edition, {
      state: 'deferred',
      reason: 'no relay could be reached',
      reply: expect.stringContaining(reply),
      attempts: 0,
      ambiguous: false,
      wait: 300,
    })
    expect(relay.contents).toEqual([])
    if (manner?.options === WANTS_TLS.options) expect(relay.lines.join()).not.toMatch(/AUTH|MAIL/)
  })

  test('and opens later gets everything then', async () => {
    const edition = await plan(db)
    await send(db, (await startScriptedRelay({ greeting: '554 5.7.1 not you\r\n' })).sender, edition)
    const { relay, sender } = await startScriptedRelay()
    await send(db, sender, edition, 5)
    await expectAll(db, edition, { state: 'sent', reason: null, attempts: 1 })
    expect(relay.contents).toHaveLength(2)
  })
})
