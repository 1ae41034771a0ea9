import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { expireRequests } from '../../src/subscribers/confirmation/expire.ts'
import { subscribe } from '../../src/subscribers/signup/subscribe.ts'
import { freshDatabase } from '../support/fresh.ts'
import { count, EVIDENCE, freshTagblatt, NOON, wish, ZWEI } from './fixtures.ts'
import { openImportFolder } from './import/importing.ts'
import { ask, askAndMail, confirmMail, EVA, join, leaveOne, undo } from './readers.ts'

const { db } = await freshDatabase()
const tagblatt = await freshTagblatt(db)
const folder = openImportFolder()
/** Imports are made at noon of 15 January; requests are older. */
const days = (count: number) => NOON.subtract({ hours: 24 * count })

const importProof = (confirmedAt: string) =>
  folder.importText(db, `email,newsletter,confirmedAt,evidence\n${EVA},tagblatt,${confirmedAt},card\n`)
const states = async () =>
  (await db.execute<{ state: string }>(sql`select state from subscription order by id`)).rows.map((row) => row.state)
const remembered = async () => (await db.execute(sql`select kind from withdrawal`)).rows.map((row) => row.kind)

describe('an import with a proof of consent', () => {
  test('older than a request that nobody confirmed asks its reader, after all of that request is deleted', async () => {
    await askAndMail(db, [tagblatt], days(20))
    await expireRequests(db, days(10))
    expect(await count(db, 'subscriber')).toBe(0)

    expect(await importProof('2024-12-01T10:00:00Z')).toMatchObject({ added: 0, pending: 1 })
    expect(await states()).toEqual(['pending'])
  })

  test('older than a declined request is rejected, after all of that request is deleted', async () => {
    await askAndMail(db, [tagblatt], days(20))
    await leaveOne(db, 1, days(19))
    await expireRequests(db, days(10))
    expect(await count(db, 'subscriber')).toBe(0)

    expect(await importProof('2024-12-01T10:00:00Z')).toMatchObject({ added: 0, rejected: 1 })
    expect(await states()).toEqual([])
  })

  test('older than an unsubscription is rejected, after all of that reader is deleted', async () => {
    await join(db, [tagblatt], days(40))
    await leaveOne(db, 1, days(20))
    for (const table of ['notice', 'consent_record', 'subscription', 'subscriber'])
      await db.execute(sql.raw(`delete from ${table}`))

    expect(await importProof('2024-12-01T10:00:00Z')).toMatchObject({ added: 0, rejected: 1 })
    expect(await importProof('2025-01-02T10:00:00Z')).toMatchObject({ added: 1 })
    expect(await remembered()).toEqual([])
  })

  test('newer than a request that nobody confirmed makes active, and of another newsletter too', async () => {
    const zwei = await freshTagblatt(db, ZWEI)
    await askAndMail(db, [tagblatt], days(20))
    await expireRequests(db, days(10))
    const row = (slug: string, at: string) => `${EVA},${slug},${at},card`
    const text = ['email,newsletter,confirmedAt,evidence', row(zwei.slug, '2024-12-01'), row('tagblatt', '2025-01-10')]
    expect(await folder.importText(db, `${text.join('\n')}\n`)).toMatchObject({ added: 2 })
  })
})

describe('what is remembered of who did not want a newsletter', () => {
  test('goes with what takes it back: undoing, confirming anew, and proof that an administrator has', async () => {
    await join(db, [tagblatt], NOON)
    const left = await leaveOne(db, 1, NOON)
    expect(await remembered()).toEqual(['unsubscribed'])
    await undo(db, left, NOON)
    expect(await remembered()).toEqual([])

    await leaveOne(db, 1, NOON)
    await confirmMail(db, await askAndMail(db, [tagblatt], NOON.add({ hours: 2 })), NOON.add({ hours: 2 }))
    expect(await remembered()).toEqual([])

    await leaveOne(db, 1, NOON.add({ hours: 3 }))
    await subscribe(db, wish(tagblatt, EVA, { confirmed: EVIDENCE }), NOON.add({ hours: 4 }))
    expect(await remembered()).toEqual([])
  })

  test('is silence only as long as the reader has not left', async () => {
    await join(db, [tagblatt], days(40))
    await leaveOne(db, 1, days(39))
    await ask(db, [tagblatt], days(38))
    await expireRequests(db, days(20))
    expect(await states()).toEqual(['unsubscribed'])
    expect(await remembered()).toEqual(['unsubscribed'])
  })

  test('does not keep a reader from asking by the form', async () => {
    await askAndMail(db, [tagblatt], days(20))
    await leaveOne(db, 1, days(20))
    await expireRequests(db, days(10))
    await confirmMail(db, await askAndMail(db, [tagblatt]), NOON)
    expect(await states()).toEqual(['active'])
  })
})
