import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, test } from 'vitest'
import { signLink } from '../../../src/subscribers/tokens.ts'
import { readUndo } from '../../../src/subscribers/unsubscribe/undo.ts'
import { readUnsubscribe } from '../../../src/subscribers/unsubscribe/unsubscribe.ts'
import { freshDatabase } from '../../support/fresh.ts'
import {
  actions,
  addEntries,
  choosing,
  freshTagblatt,
  LAST_SLOT,
  moveWatermarks,
  NOON,
  readRow,
  ZWEI,
} from '../fixtures.ts'
import { ask, dump, EVA, join, KEYS, leaveAll, leaveOne, SHOWN, undo, unsubscribeToken } from '../readers.ts'

const { db } = await freshDatabase()
const tagblatt = await freshTagblatt(db)
const zwei = await freshTagblatt(db, ZWEI)
const drei = await freshTagblatt(db, { slug: 'drei', name: 'Drei' })
beforeEach(() => join(db, [tagblatt, zwei], NOON))

const states = async () =>
  (await db.execute<{ state: string }>(sql`select state from subscription order by id`)).rows.map((row) => row.state)
const minutes = (count: number) => NOON.add({ minutes: count })

describe('the page of an unsubscribe link', () => {
  test('says what would be left and what else there is, and changes nothing', async () => {
    const before = await dump(db)
    const page = {
      subscriptionId: 1,
      email: EVA,
      locale: 'de',
      newsletter: { slug: 'tagblatt', name: 'Tagblatt' },
      state: 'active',
      others: [{ slug: 'zwei', name: 'Zwei' }],
      undoToken: null,
    }
    expect(await readUnsubscribe(db, KEYS, unsubscribeToken(1))).toEqual(page)
    expect(await readUnsubscribe(db, KEYS, unsubscribeToken(1))).toEqual(page)
    expect(await dump(db)).toBe(before)
  })

  test('is none for a token of another purpose, of an older version, or for any text', async () => {
    const other = signLink(KEYS, 'confirm', { id: 1, version: 1 })
    for (const token of [other, unsubscribeToken(1, 2), unsubscribeToken(99), '', 'x'])
      expect(await readUnsubscribe(db, KEYS, token)).toBeNull()
  })
})

describe('leaving', () => {
  test('ends this one subscription at once, with evidence, and a second time changes nothing', async () => {
    const left = await leaveOne(db, 1, NOON)

    expect(left).toMatchObject({ state: 'unsubscribed', others: [{ slug: 'zwei' }], undoToken: expect.any(String) })
    expect(await states()).toEqual(['unsubscribed', 'active'])
    const found = await db.execute(sql`
      select evidence, text_version, ip, details from consent_record where action = 'unsubscribed'`)
    const details = { by: 'reader', from: 'active', all: false }
    expect(found.rows).toEqual([{ evidence: SHOWN.shown, text_version: 'v1', ip: '192.0.2.7', details }])
    const before = await dump(db)
    expect(await leaveOne(db, 1, minutes(5))).toEqual(left)
    expect(await dump(db)).toBe(before)
  })

  test('all ends every subscription of the reader, requests too, and of nobody else', async () => {
    await join(db, [drei], minutes(1))
    await ask(db, [tagblatt], minutes(1), { email: 'b@example.com' })
    await db.execute(sql`update subscription set state = 'paused' where id = 2`)

    expect(await leaveAll(db, 1, minutes(2))).toMatchObject({ state: 'unsubscribed', others: [] })

    expect(await states()).toEqual(['unsubscribed', 'unsubscribed', 'unsubscribed', 'pending'])
  })

  test('keeps what the reader has seen', async () => {
    await addEntries(db, tagblatt, [NOON, NOON])
    await moveWatermarks(db, tagblatt)
    await leaveOne(db, 1, NOON)
    expect(await readRow(db, 1)).toMatchObject({ own: 2, cohort: 2 })
  })

  test('links go on working after leaving and coming back', async () => {
    await leaveOne(db, 1, NOON)
    await join(db, [tagblatt], NOON.add({ hours: 2 }))
    expect(await states()).toEqual(['active', 'active'])
    expect(await leaveOne(db, 1, NOON.add({ hours: 2 }))).toMatchObject({ state: 'unsubscribed' })
  })

  test('drops a request; that is not taken back, but asked for anew', async () => {
    await ask(db, [drei], NOON)
    const left = await leaveOne(db, 3, NOON)
    expect(left).toMatchObject({ state: 'unsubscribed', undoToken: null })
    expect(await states()).toEqual(['active', 'active', 'unsubscribed'])
    await ask(db, [drei], minutes(1))
    expect(await states()).toEqual(['active', 'active', 'pending'])
  })
})

describe('taking it back', () => {
  test('restores what the subscription was, with evidence, and a second time changes nothing', async () => {
    await db.execute(sql`update subscription set state = 'paused', seen_entry_id = 0 where id = 2`)
    const before = (await db.execute(sql`select * from subscription order by id`)).rows
    for (const id of [1, 2]) {
      const left = await leaveOne(db, id, NOON)
      expect(await undo(db, left, minutes(60))).toMatchObject({ subscriptionId: id, undoToken: null })
      const after = await dump(db)
      await undo(db, left, minutes(60))
      expect(await dump(db)).toBe(after)
    }
    expect((await db.execute(sql`select * from subscription order by id`)).rows).toEqual(before)
    expect((await actions(db)).slice(-4)).toEqual(['unsubscribed', 'resumed', 'unsubscribed', 'resumed'])
  })

  test('is over after an hour', async () => {
    const left = await leaveOne(db, 1, NOON)
    expect(await undo(db, left, minutes(61))).toBeNull()
    expect(await readUndo(db, KEYS, left?.undoToken ?? '', minutes(61))).toBeNull()
    expect(await states()).toEqual(['unsubscribed', 'active'])
  })

  test('belongs to one act of leaving: not to a later one, and not to whoever looks at the page afterwards', async () => {
    const first = await leaveOne(db, 1, minutes(1))
    expect(await readUnsubscribe(db, KEYS, unsubscribeToken(1))).toMatchObject({
      state: 'unsubscribed',
      undoToken: null,
    })
    await undo(db, first, minutes(2))
    const second = await leaveOne(db, 1, minutes(3))

    expect(await undo(db, first, minutes(4))).toBeNull()
    expect(await readUndo(db, KEYS, first?.undoToken ?? '', minutes(4))).toBeNull()
    expect(await states()).toEqual(['unsubscribed', 'active'])
    expect(await undo(db, second, minutes(4))).toMatchObject({ state: 'active' })
  })

  test('restores all that was left together, and nothing that was left before', async () => {
    await join(db, [drei], minutes(1))
    await leaveOne(db, 2, minutes(2))
    const left = await leaveAll(db, 1, minutes(3))
    expect(await states()).toEqual(['unsubscribed', 'unsubscribed', 'unsubscribed'])

    expect(await undo(db, left, minutes(4))).toMatchObject({ state: 'active', others: [{ slug: 'drei' }] })
    expect(await states()).toEqual(['active', 'unsubscribed', 'active'])
  })

  test('is there too where all was left by the link of one left before', async () => {
    await leaveOne(db, 1, minutes(1))
    const left = await leaveAll(db, 1, minutes(2))
    await undo(db, left, minutes(3))
    expect(await states()).toEqual(['unsubscribed', 'active'])
  })

  test('of who asked anew meanwhile changes nothing', async () => {
    const left = await leaveOne(db, 1, NOON)
    await ask(db, [tagblatt], minutes(1))
    await undo(db, left, minutes(2))
    expect(await states()).toEqual(['pending', 'active'])
  })

  test('does not bring back to a newsletter that is no more', async () => {
    const left = await leaveOne(db, 1, NOON)
    await db.execute(sql`update newsletter set state = 'deleted' where id = 1`)
    expect(await undo(db, left, minutes(1))).toBeNull()
    expect(await states()).toEqual(['unsubscribed', 'active'])
  })

  test('leaves out nothing that was planned meanwhile, and brings nothing twice', async () => {
    await addEntries(db, tagblatt, [LAST_SLOT])
    await moveWatermarks(db, tagblatt)
    const left = await leaveOne(db, 1, NOON)
    await addEntries(db, tagblatt, [NOON])
    await moveWatermarks(db, tagblatt)

    await undo(db, left, minutes(1))

    expect(await readRow(db, 1)).toMatchObject({ state: 'active', own: 1, cohort: 2 })
  })

  test('of a reader in a cohort of their own schedule stays there', async () => {
    await ask(db, [drei], NOON, choosing({ frequency: 'weekly' }))
    const row = await readRow(db, 3)
    await leaveAll(db, 3, NOON)
    expect(await readRow(db, 3)).toEqual({ ...row, state: 'unsubscribed' })
  })
})
