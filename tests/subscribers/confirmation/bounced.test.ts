import { describe, expect, test } from 'vitest'
import { readConfirmation } from '../../../src/subscribers/confirmation/confirm.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { actions, choosing, count, freshTagblatt, NOON, readRow, ZWEI } from '../fixtures.ts'
import { ask, askAndMail, confirmMail, confirmToken, join, KEYS, mails, suppress } from '../readers.ts'

const { db } = await freshDatabase()
const tagblatt = await freshTagblatt(db)
const zwei = await freshTagblatt(db, ZWEI)

describe('an address that bounced', () => {
  const DAYS_AGO = (days: number) => NOON.subtract({ hours: 24 * days })

  test('less than 7 days ago is not asked', async () => {
    await suppress(db, 'bounced', DAYS_AGO(6))
    await ask(db, [tagblatt], NOON)
    expect(await count(db, 'subscriber')).toBe(0)
  })

  test('7 days ago is asked once, and mailed again when confirmed', async () => {
    await suppress(db, 'bounced', DAYS_AGO(7))
    const mail = await askAndMail(db, [tagblatt])
    await ask(db, [tagblatt, zwei], NOON.add({ hours: 24 * 6 }))
    expect(await mails(db)).toMatchObject([{ state: 'sent', subscriptionIds: [1] }])
    expect(await count(db, 'suppression')).toBe(1)

    expect(await confirmMail(db, mail, NOON.add({ hours: 24 * 6 }))).toMatchObject({ state: 'confirmed' })
    expect(await count(db, 'suppression')).toBe(0)
    expect(await readRow(db, 1)).toMatchObject({ state: 'active' })
  })

  test('may be asked again 7 days after that', async () => {
    await suppress(db, 'bounced', DAYS_AGO(30))
    await askAndMail(db, [tagblatt])
    const later = NOON.add({ hours: 24 * 7 })
    expect(await askAndMail(db, [tagblatt], later)).toBe(2)
  })

  test('of who had confirmed: they lose nothing, are asked once, and are mailed again', async () => {
    await join(db, [tagblatt], DAYS_AGO(20))
    await suppress(db, 'bounced', DAYS_AGO(10))
    const before = await readRow(db, 1)

    const mail = await askAndMail(db, [tagblatt], NOON, choosing({ frequency: 'weekly' }))
    expect(await readRow(db, 1)).toEqual(before)
    expect(await readConfirmation(db, KEYS, confirmToken(mail), NOON)).toMatchObject({
      state: 'open',
      newsletters: [{ slug: 'tagblatt' }],
    })
    expect(await confirmMail(db, mail, NOON)).toMatchObject({ state: 'confirmed' })

    expect(await count(db, 'suppression')).toBe(0)
    expect(await readRow(db, 1)).toEqual(before)
    expect(await actions(db)).toEqual(['requested', 'confirmed', 'requested', 'confirmed'])
  })

  test('between mail and confirmation answers, and is mailed again', async () => {
    const mail = await askAndMail(db, [tagblatt])
    await suppress(db, 'bounced', NOON)
    await confirmMail(db, mail, NOON)
    expect(await count(db, 'suppression')).toBe(0)
  })

  test.each(['complained', 'manual', 'erased'] as const)('one that was %s stays suppressed', async (reason) => {
    const mail = await askAndMail(db, [tagblatt])
    await suppress(db, reason, DAYS_AGO(100))
    await confirmMail(db, mail, NOON)
    expect(await count(db, 'suppression')).toBe(1)
    await ask(db, [zwei], NOON)
    expect(await count(db, 'notice')).toBe(1)
  })
})
