import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import type { Temporal } from '../../src/clock.ts'
import { expireRequests } from '../../src/subscribers/confirmation/expire.ts'
import { countForm, type FormLimits, readSpentBudget } from '../../src/subscribers/form-limits.ts'
import { freshDatabase } from '../support/fresh.ts'
import { countStatements } from '../support/statements.ts'
import { count, freshTagblatt, NOON } from './fixtures.ts'
import { ask, askAndMail, confirmMail, EVA, join, leaveOne, mails, SHOWN, suppress } from './readers.ts'

const { db, pool } = await freshDatabase()
const tagblatt = await freshTagblatt(db)

const NONE: FormLimits = { neighbourhood: null, perHour: null }
const NEIGHBOURS: FormLimits = { ...NONE, neighbourhood: { requests: 60, seconds: 600 } }
const minutes = (count: number) => NOON.add({ minutes: count })

/** How many of these forms are heeded. */
async function heeded(
  forms: readonly { readonly address: string; readonly ip?: string }[],
  limits = NONE,
  now: Temporal.Instant = NOON,
): Promise<number> {
  let all = 0
  for (const { address, ip = null } of forms)
    if ((await countForm(db, { address, ip: ip ?? null }, limits, now)).isHeeded) all += 1
  return all
}
const many = (length: number, form: (n: number) => { address: string; ip?: string }) =>
  Array.from({ length }, (_, n) => form(n))

describe('forms that are heeded', () => {
  test('are five a day for tags of one mailbox, and for dots at Gmail, but the plain address is not kept out', async () => {
    expect(await heeded(many(30, (n) => ({ address: `victim+${n}@corp.example` })))).toBe(5)
    expect(await heeded([{ address: 'victim@corp.example' }])).toBe(1)
    const dots = ['v.ictim', 'vi.ctim', 'vic.tim', 'vict.im', 'victi.m', 'v.i.ctim', 'victim+x']
    expect(await heeded(dots.map((name) => ({ address: `${name}@gmail.com` })))).toBe(5)
    expect(await heeded([{ address: 'a.b@corp.example' }, { address: 'ab@corp.example' }])).toBe(2)
    expect(await heeded([{ address: 'victim+9@corp.example' }], NONE, NOON.add({ hours: 24, seconds: 1 }))).toBe(1)
  })

  test('are sixty an hour for one domain, but for providers that everybody has a mailbox at', async () => {
    expect(await heeded(many(80, (n) => ({ address: `r${n}@corp.example` })))).toBe(60)
    expect(await heeded(many(80, (n) => ({ address: `r${n}@web.de` })))).toBe(80)
    expect(await heeded([{ address: 'r@corp.example' }], NONE, minutes(61))).toBe(1)
  })

  test.each([
    ['an IPv6 /48', (n: number) => `2001:db8:7:${n.toString(16)}::1`, '2001:db8:8::1'],
    ['an IPv4 /24', (n: number) => `192.0.2.${n}`, '192.0.3.1'],
  ])('are limited for %s together', async (_, ipOf, elsewhere) => {
    const forms = many(200, (n) => ({ address: `r${n}@web.de`, ip: ipOf(n) }))
    expect(await heeded(forms, NEIGHBOURS)).toBe(60)
    expect(await heeded([{ address: 'r@web.de', ip: elsewhere }], NEIGHBOURS)).toBe(1)
    expect(await heeded(forms.slice(0, 1), NEIGHBOURS, minutes(11))).toBe(1)
  })

  test('have a budget an hour in all, with one alarm; what other limits refuse spends none of it', async () => {
    const limits = { ...NEIGHBOURS, perHour: 70 }
    await heeded(
      many(100, (n) => ({ address: `r${n}@web.de`, ip: `192.0.2.${n}` })),
      limits,
    )
    expect(await readSpentBudget(db, NOON)).toBeNull()
    const verdicts = []
    for (let n = 0; n < 13; n += 1)
      verdicts.push(await countForm(db, { address: `s${n}@web.de`, ip: `198.51.${n}.1` }, limits, NOON))
    expect(verdicts.filter(({ isHeeded }) => isHeeded)).toHaveLength(10)
    expect(verdicts.filter(({ isAlarm }) => isAlarm)).toHaveLength(1)
    expect(await readSpentBudget(db, NOON)).toBe(70)
    expect(await readSpentBudget(db, minutes(61))).toBeNull()
  })

  test('are counted for all servers at once', async () => {
    const at = (n: number) => countForm(db, { address: `victim+${n}@corp.example`, ip: null }, NONE, NOON)
    const verdicts = await Promise.all(many(30, () => ({ address: '' })).map((_, n) => at(n)))
    expect(verdicts.filter(({ isHeeded }) => isHeeded)).toHaveLength(5)
  })

  test('begin anew where a wrong clock counted them far ahead', async () => {
    await heeded(
      many(9, (n) => ({ address: `v+${n}@corp.example` })),
      NONE,
      NOON.add({ hours: 10_000 }),
    )
    expect(await heeded([{ address: 'v+x@corp.example' }])).toBe(1)
  })
})

test('a form over a limit gets the usual answer, and no mail', async () => {
  for (let n = 0; n < 8; n += 1)
    expect(await ask(db, [tagblatt], NOON, { email: `v+${n}@x.example` })).toEqual({ kind: 'requested' })
  expect(await mails(db)).toHaveLength(5)
})

test('counts hold no address and no network, and go when their time is over', async () => {
  await countForm(db, { address: EVA, ip: '192.0.2.7' }, { ...NEIGHBOURS, perHour: 5 }, NOON)
  const kept = await db.execute<{ key: string }>(sql`select encode(key, 'escape') as key from form_count`)
  expect(kept.rows).toHaveLength(4)
  expect(JSON.stringify(kept.rows)).not.toMatch(/eva|192\.0/)
  await expireRequests(db, NOON.add({ hours: 25 }))
  expect(await count(db, 'form_count')).toBe(0)
})

describe('a form costs the same statements', () => {
  const statements = async (email: string) => {
    const counted = await countStatements(pool).count((by) => ask(by, [tagblatt], NOON, { email }))
    return counted.statements.map((one) => one.replace(/\s+/g, ' ').slice(0, 80))
  }

  test.each<[string, () => Promise<unknown>]>([
    ['pending', () => ask(db, [tagblatt], NOON)],
    ['pending, and was mailed', () => askAndMail(db, [tagblatt])],
    ['confirmed', () => join(db, [tagblatt], NOON)],
    ['unsubscribed', () => join(db, [tagblatt], NOON).then(() => leaveOne(db, 1, NOON))],
    ['declined', () => askAndMail(db, [tagblatt]).then(() => leaveOne(db, 1, NOON))],
    ['bounced', () => suppress(db, 'bounced', NOON)],
    ['bounced long ago', () => suppress(db, 'bounced', NOON.subtract({ hours: 900 }))],
    ['blocked', () => suppress(db, 'manual', NOON)],
    ['expired', () => askAndMail(db, [tagblatt], NOON.subtract({ hours: 300 })).then(() => expireRequests(db, NOON))],
    [
      'of a reader of something else',
      () => askAndMail(db, [tagblatt], NOON, { evidence: SHOWN }).then((id) => confirmMail(db, id, NOON)),
    ],
  ])('for an address that is unknown and for one that is %s', async (_, prepare) => {
    await prepare()
    const known = await statements(EVA)
    expect(known.length).toBeGreaterThan(20)
    expect(await statements('new@example.org')).toEqual(known)
  })
})
