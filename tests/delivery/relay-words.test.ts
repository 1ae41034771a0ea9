import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { type Clock, sleep } from '../../src/clock.ts'
import { type Sender, sendEdition } from '../../src/delivery/worker.ts'
import { deliverDue } from '../../src/scheduler/deliver-due.ts'
import { handClock } from '../support/clock.ts'
import { freshDatabase } from '../support/fresh.ts'
import type { Script } from '../support/hostile-relay.ts'
import { makeWorld, NOON } from '../support/world.ts'
import { expectAll, plan, startScriptedRelay } from './hostile-sending.ts'
import { queueConfirmations } from './queue-confirmations.ts'

const { db } = await freshDatabase()
const LOGIN = 'courant:sehr-geheim@'
const SECRETS = /sehr-geheim|AGNvdXJhbnQ|c2Voci1nZWhlaW0/i
const PLAIN = Buffer.from('\0courant\0sehr-geheim').toString('base64')

/** The waits before a relay is dialled again are short; those between heartbeats are not. */
function send(sender: Sender, edition: number): Promise<void> {
  const clock: Clock = {
    ...handClock(NOON),
    sleep: (ms, signal) => sleep(ms > 2_000 ? ms : ms / 50, signal),
  }
  return sendEdition(db, sender, edition, clock)
}

/** The same sender, and what it logs. */
function listen(sender: Sender): { readonly sender: Sender; readonly lines: object[] } {
  const lines: object[] = []
  return { sender: { ...sender, log: pino({ base: null }, { write: (line) => lines.push(JSON.parse(line)) }) }, lines }
}

/** Everything that is kept of deliveries and notices. */
const kept = async () =>
  JSON.stringify(
    (await db.execute(sql`select to_jsonb(d) as row from delivery d union all select to_jsonb(n) from notice n`)).rows,
  )

describe('what a relay repeats of a login', () => {
  test.each([
    ['the whole command', { AUTH: [`500 5.5.2 unknown command: AUTH PLAIN ${PLAIN}\r\n`] }],
    ['the password', { AUTH: ['535 5.7.8 courant may not log in with sehr-geheim\r\n'] }],
    ['the password, later', { MAIL: ['421 4.3.0 go away with your sehr-geheim\r\n'] }],
    ['the command, to a recipient', { RCPT: [`450 4.3.0 behind AUTH PLAIN ${PLAIN.slice(0, 16)}\r\n`] }],
    ['the password, outside a reply', { DATA: ['sehr-geheim\r\n'] }],
  ] satisfies readonly [string, Script['answers']][])('is neither logged nor kept: %s', async (_what, answers) => {
    const edition = await plan(db)
    const { sender, lines } = listen(
      (await startScriptedRelay({ offers: ['AUTH PLAIN'], answers }, { login: LOGIN })).sender,
    )
    await send(sender, edition)
    expect(await kept()).not.toMatch(SECRETS)
    expect(JSON.stringify(lines)).not.toMatch(SECRETS)
    expect(await kept()).toContain('…')
  })
})

test('an address in a relay’s reply is shortened in the log and with other readers’ deliveries', async () => {
  const answers = { MAIL: ['421 4.7.0 <anna@example.org> and bert@example.org sent too much\r\n'] }
  const edition = await plan(db, 12)
  const { sender, lines } = listen((await startScriptedRelay({ answers })).sender)
  await send(sender, edition)
  const trouble = '421 4.7.0 <a…@example.org> and b…@example.org sent too much'
  expect(lines).toMatchObject([{ msg: 'relay.unreachable', trouble }])
})

test('an address in a greeting is shortened in the log for notices, too', async () => {
  await queueConfirmations(db, 1, [await makeWorld(db)])
  const { sender, lines } = listen((await startScriptedRelay({ greeting: '554 ask anna@example.org\r\n' })).sender)
  await deliverDue(db, { sender }, handClock(NOON))
  expect(lines).toMatchObject([{ msg: 'relay.unreachable', trouble: '554 ask a…@example.org' }])
})

describe('a relay that offers no login or no TLS although there is a password', () => {
  test.each([
    ['offers no login', {}, 'offers no login (AUTH)'],
    ['offers a login we do not speak', { offers: ['AUTH GSSAPI'] }, 'no login by PLAIN or LOGIN'],
    ['is busy', { offers: ['AUTH PLAIN'], answers: { AUTH: ['454 4.7.0 not now\r\n'] } }, '454 4.7.0 not now'],
    ['refuses it', { offers: ['AUTH PLAIN'], answers: { AUTH: ['535 5.7.8 no\r\n'] } }, '535 5.7.8 no'],
    ['knows HELO only', { answers: { EHLO: ['502 5.5.1 what?\r\n'] } }, 'offers no login (AUTH)'],
    [
      'takes back its offer of TLS',
      { offers: ['STARTTLS', 'AUTH PLAIN'], answers: { STARTTLS: ['454 4.7.0 TLS not available\r\n'] } },
      '454 4.7.0 TLS not available',
    ],
  ] satisfies readonly [string, Script, string][])(
    'gets no mail, and everything waits: it %s',
    async (_how, script, why) => {
      const edition = await plan(db, 3)
      const { relay, sender } = await startScriptedRelay(script, { login: LOGIN })
      const listening = listen(sender)
      await send(listening.sender, edition)
      await expectAll(db, edition, {
        state: 'deferred',
        reason: 'no relay could be reached',
        reply: expect.stringContaining(why),
        attempts: 0,
      })
      expect(relay.lines.filter((line) => /^(MAIL|RCPT|DATA)/.test(line))).toEqual([])
      expect(listening.lines).toMatchObject([{ msg: 'relay.unreachable', trouble: expect.stringContaining(why) }])
      expect(JSON.stringify(listening.lines)).not.toMatch(SECRETS)
    },
  )

  test('gets no confirmation either', async () => {
    await queueConfirmations(db, 2, [await makeWorld(db)])
    const { relay, sender } = await startScriptedRelay({}, { login: LOGIN })
    await deliverDue(db, { sender }, handClock(NOON))
    expect(relay.lines.filter((line) => /^MAIL/.test(line))).toEqual([])
    const rows = await db.execute(sql`select state, attempts from notice`)
    expect(rows.rows).toEqual([
      { state: 'queued', attempts: 0 },
      { state: 'queued', attempts: 0 },
    ])
  })
})

test('a relay is greeted with the name that was set, else with the address it is reached from', async () => {
  const { relay, sender } = await startScriptedRelay()
  await send(sender, await plan(db, 1))
  const named = { ...sender, relays: sender.relays.map((one) => ({ ...one, ehloName: 'mail.example.org' })) }
  await db.execute(sql`update delivery set state = 'queued'`)
  await queueConfirmations(db, 1, [await makeWorld(db, 'abend')])
  await deliverDue(db, { sender: named }, handClock(NOON))
  expect(relay.lines.filter((line) => line.startsWith('EHLO'))).toEqual(['EHLO [127.0.0.1]', 'EHLO mail.example.org'])
})
