import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/db/client.ts'
import { expireRequests } from '../../src/subscribers/confirmation/expire.ts'
import { queueReminders } from '../../src/subscribers/confirmation/remind.ts'
import { freshDatabase } from '../support/fresh.ts'
import { actions, addEntries, count, freshTagblatt, LAST_SLOT, NOON, readRow, ZWEI } from './fixtures.ts'
import { during } from './holding.ts'
import { ask, askAndMail, confirmMail, join, leaveAll, leaveOne, mails, sendMails, suppress, undo } from './readers.ts'

const database = await freshDatabase()
const { db } = database
const tagblatt = await freshTagblatt(db)
const zwei = await freshTagblatt(db, ZWEI)

/** Plans all cohorts: takes them, finds one article more, plans who is active, moves the watermarks. */
const plan = async (tx: Database) => {
  await tx.execute(sql`select id from cohort order by id for update`)
  await addEntries(tx, tagblatt, [NOON])
  await tx.execute(sql`update cohort set seen_entry_id = (select max(id) from entry) where newsletter_id = 1`)
  await tx.execute(sql`update subscription set seen_entry_id = null where state = 'active'`)
}
const eight = <T>(work: () => Promise<T>) => Promise.all(Array.from({ length: 8 }, work))

describe('while an edition is planned', () => {
  test('who confirms starts where they should, not at the watermark that planning moves', async () => {
    await addEntries(db, tagblatt, [LAST_SLOT])
    const mail = await askAndMail(db, [tagblatt])
    await during(database, plan, () => confirmMail(db, mail, NOON))
    expect(await readRow(db, 1)).toMatchObject({ state: 'active', own: 1, cohort: 2 })
  })

  test('who leaves has seen what was planned for them', async () => {
    await join(db, [tagblatt], NOON)
    await during(database, plan, () => leaveOne(db, 1, NOON))
    expect(await readRow(db, 1)).toMatchObject({ state: 'unsubscribed', own: 1, cohort: 1 })
  })

  test('who takes their leaving back has not seen what was planned without them', async () => {
    await join(db, [tagblatt], NOON)
    const left = await leaveOne(db, 1, NOON)
    await during(database, plan, () => undo(db, left, NOON))
    expect(await readRow(db, 1)).toMatchObject({ state: 'active', own: 0, cohort: 1 })
  })

  test('whose address is mailed again is not cut off from what they waited for', async () => {
    await join(db, [tagblatt], NOON)
    await suppress(db, 'bounced', NOON)
    const at = NOON.add({ hours: 24 * 8 })
    const mail = await askAndMail(db, [tagblatt], at)
    const planSuppressed = async (tx: Database) => {
      await tx.execute(sql`select id from cohort order by id for update`)
      await addEntries(tx, tagblatt, [NOON])
      await tx.execute(sql`
        update subscription s set seen_entry_id = 0 from subscriber p, suppression x
        where p.id = s.subscriber_id and x.email_hash = p.email_hash`)
      await tx.execute(sql`update cohort set seen_entry_id = 1 where newsletter_id = 1`)
    }
    await during(database, planSuppressed, () => confirmMail(db, mail, at))
    expect(await count(db, 'suppression')).toBe(0)
    expect(await readRow(db, 1)).toMatchObject({ state: 'active', own: 0, cohort: 1 })
  })
})

describe('at once', () => {
  test('two confirmations of one mail are one, with one record for each newsletter', async () => {
    const mail = await askAndMail(db, [tagblatt, zwei])
    const all = await eight(() => confirmMail(db, mail, NOON))
    expect(all).toEqual(Array(8).fill(expect.objectContaining({ state: 'confirmed' })))
    expect(await actions(db)).toEqual(['requested', 'requested', 'confirmed', 'confirmed'])
  })

  test('many leave and take back without a ring, and end as the last word says', async () => {
    await join(db, [tagblatt, zwei], NOON)
    for (let round = 0; round < 3; round++) {
      const lefts = await Promise.all([leaveOne(db, 1, NOON), leaveAll(db, 2, NOON), leaveOne(db, 2, NOON)])
      await Promise.all(lefts.map((left) => undo(db, left, NOON)))
      expect((await readRow(db, 1)).state).toBe('active')
      expect((await readRow(db, 2)).state).toBe('active')
    }
  })

  test('leaving twice is one record', async () => {
    await join(db, [tagblatt], NOON)
    await eight(() => leaveOne(db, 1, NOON))
    expect(await actions(db)).toEqual(['requested', 'confirmed', 'unsubscribed'])
  })

  test('confirming and dropping the same request ends in one of both', async () => {
    for (let round = 0; round < 30; round++) {
      const at = NOON.add({ hours: 25 * round })
      const mail = await askAndMail(db, [tagblatt], at)
      await Promise.all([confirmMail(db, mail, at), leaveOne(db, 1, at)])
      const { state } = await readRow(db, 1)
      expect((await actions(db)).at(-1)).toBe(state === 'active' ? 'confirmed' : 'unsubscribed')
      await leaveOne(db, 1, at)
    }
  })

  test('many requests for a bounced address are one mail', async () => {
    await suppress(db, 'bounced', NOON.subtract({ hours: 24 * 8 }))
    await eight(() => ask(db, [tagblatt, zwei], NOON))
    expect(await mails(db)).toMatchObject([{ subscriptionIds: [1, 2] }])
    expect(await count(db, 'opt_in')).toBe(1)
  })

  test('the second request for a bounced address waits for the first, and is no second mail', async () => {
    await suppress(db, 'bounced', NOON.subtract({ hours: 24 * 8 }))
    const first = async (tx: Database) => {
      await ask(tx, [tagblatt], NOON)
      await sendMails(tx, NOON)
    }
    await during(database, first, () => ask(db, [tagblatt, zwei], NOON.add({ hours: 1 })))
    expect(await mails(db)).toMatchObject([{ state: 'sent', subscriptionIds: [1] }])
  })

  test('requests, confirmations, reminders and expiry never wait in a ring', async () => {
    const at = NOON.add({ hours: 24 * 8 })
    const mail = await askAndMail(db, [tagblatt, zwei])
    await suppress(db, 'bounced', NOON)
    await expect(
      Promise.all([
        ask(db, [tagblatt], at),
        expireRequests(db, at),
        confirmMail(db, mail, at),
        queueReminders(db, NOON.add({ hours: 49 })),
        ask(db, [zwei], at),
        leaveAll(db, 1, at),
        expireRequests(db, at),
      ]),
    ).resolves.toBeDefined()
  })
})

describe('while a request expires', () => {
  test('who asks anew is a new reader, and nothing of it is lost', async () => {
    await askAndMail(db, [tagblatt])
    const at = NOON.add({ hours: 24 * 8 })
    // The reader's row is locked before it goes: whoever asks meanwhile waits, and finds it gone.
    await during(
      database,
      (tx) => expireRequests(tx, at),
      () => ask(db, [tagblatt], at),
    )
    expect(await count(db, 'subscriber')).toBe(1)
    expect((await db.execute(sql`select state from subscription`)).rows).toEqual([{ state: 'pending' }])
    expect((await mails(db)).map(({ state }) => state)).toEqual(['queued'])
  })

  test('who confirms too late is told so', async () => {
    const mail = await askAndMail(db, [tagblatt])
    const at = NOON.add({ hours: 24 * 7 })
    const removal = async (tx: Database) => {
      await tx.execute(sql`select id from subscriber for update`)
      await tx.execute(sql`delete from subscription`)
      await tx.execute(sql`delete from subscriber`)
    }
    expect(await during(database, removal, () => confirmMail(db, mail, at))).toBeNull()
    expect(await count(db, 'subscription')).toBe(0)
  })
})
