import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import type { Database } from '../../../src/db/client.ts'
import { signUp } from '../../../src/subscribers/signup/sign-up.ts'
import { subscribe } from '../../../src/subscribers/signup/subscribe.ts'
import { freshDatabase } from '../../support/fresh.ts'
import {
  actions,
  addEntries,
  addTagblatt,
  choosing,
  count,
  EVIDENCE,
  freshTagblatt,
  LAST_SLOT,
  NOON,
  readRow,
  wish,
} from '../fixtures.ts'
import { during } from '../holding.ts'

const CONFIRMED = { confirmed: EVIDENCE }

const database = await freshDatabase()
const { db } = database
const tagblatt = await freshTagblatt(db)

const lockCohorts = (tx: Database) => tx.execute(sql`select id from cohort order by id for update`)

describe('at once', () => {
  test('many wishes of one address make one subscriber, one subscription, one confirmation mail', async () => {
    const all = await Promise.all(
      Array.from({ length: 8 }, () => subscribe(db, wish(tagblatt, 'eva@example.com', { by: 'reader' }), NOON)),
    )

    expect(new Set(all.map((one) => one.subscriptionId)).size).toBe(1)
    expect(await count(db, 'subscriber')).toBe(1)
    expect(await count(db, 'subscription')).toBe(1)
    expect(await count(db, 'notice')).toBe(1)
    expect(await actions(db)).toEqual(['requested'])
  })

  test('one address for several newsletters makes one subscriber and one mail that names all', async () => {
    const others = [await addTagblatt(db, { slug: 'zwei' }), await addTagblatt(db, { slug: 'drei' })]
    const all = await Promise.all(
      [tagblatt, ...others].map((newsletter) => subscribe(db, wish(newsletter, 'eva@example.com'), NOON)),
    )

    expect(await count(db, 'subscriber')).toBe(1)
    const found = await db.execute<{ ids: number[] }>(sql`select payload -> 'subscriptionIds' as ids from notice`)
    expect(found.rows).toHaveLength(1)
    expect(found.rows[0]?.ids.toSorted()).toEqual(all.map((one) => one.subscriptionId).toSorted())
  })

  test('a form and an administrator with proof leave the reader active, in whatever order', async () => {
    for (const email of ['a@example.com', 'b@example.com', 'c@example.com']) {
      const all = await Promise.all([
        subscribe(db, wish(tagblatt, email, { by: 'reader' }), NOON),
        subscribe(db, wish(tagblatt, email, CONFIRMED), NOON),
        subscribe(db, wish(tagblatt, email, { by: 'reader' }), NOON),
      ])
      expect(await readRow(db, all[0].subscriptionId)).toMatchObject({ state: 'active' })
    }
  })

  test('batches of the same addresses and topics in opposite order all come through', async () => {
    const addresses = Array.from({ length: 60 }, (_, index) => `reader${index}@example.com`)
    const batch = (order: readonly string[]) =>
      signUp(
        db,
        order.map((address) => ({ ...wish(tagblatt, address, { ...CONFIRMED, topics: [address] }), address })),
        NOON,
      )

    await Promise.all([batch(addresses), batch(addresses.toReversed()), batch(addresses)])

    expect(await count(db, 'subscription')).toBe(60)
    expect(await count(db, 'topic')).toBe(60)
    expect(await actions(db)).toHaveLength(60)
  })
})

describe('while an edition is planned', () => {
  const planned = async (tx: Database) => {
    await lockCohorts(tx)
    await addEntries(tx, tagblatt, [NOON])
    await tx.execute(sql`update cohort set seen_entry_id = (select max(id) from entry)`)
  }

  test('who subscribes meanwhile starts where they should, not at the watermark that planning moves', async () => {
    await addEntries(db, tagblatt, [LAST_SLOT])

    const { subscriptionId } = await during(database, planned, () =>
      subscribe(db, wish(tagblatt, 'eva@example.com', CONFIRMED), NOON),
    )

    expect(await readRow(db, subscriptionId)).toMatchObject({ own: 1, cohort: 2 })
  })

  test('who moves meanwhile takes along the watermark they were planned up to', async () => {
    const { subscriptionId } = await subscribe(db, wish(tagblatt, 'eva@example.com', CONFIRMED), NOON)

    await during(database, planned, () =>
      subscribe(db, wish(tagblatt, 'eva@example.com', choosing({ frequency: 'monthly' })), NOON),
    )

    expect(await readRow(db, subscriptionId)).toMatchObject({ own: 1, cohort: 0 })
  })

  test('moves to and fro and planning never wait in a ring', async () => {
    await subscribe(db, wish(tagblatt, 'a@example.com', { ...CONFIRMED, ...choosing({ hour: 8 }) }), NOON)
    await subscribe(db, wish(tagblatt, 'b@example.com', { ...CONFIRMED, ...choosing({ hour: 9 }) }), NOON)
    const move = (email: string, hour: number) => subscribe(db, wish(tagblatt, email, choosing({ hour })), NOON)

    const rounds = Array.from({ length: 6 }, (_, round) => [
      move('a@example.com', 8 + (round % 2)),
      move('b@example.com', 9 - (round % 2)),
      db.transaction(lockCohorts),
    ])

    await expect(Promise.all(rounds.flat())).resolves.toBeDefined()
  })
})

describe('while the reader leaves', () => {
  const leaves = (subscriptionId: number) => async (tx: Database) => {
    await tx.execute(sql`select id from cohort where id = 1 for share`)
    await tx.execute(
      sql`update subscription set state = 'unsubscribed', unsubscribed_at = ${NOON.toString()} where id = ${subscriptionId}`,
    )
  }

  test('a change does not bring them back', async () => {
    const { subscriptionId } = await subscribe(db, wish(tagblatt, 'eva@example.com', CONFIRMED), NOON)

    await during(database, leaves(subscriptionId), () =>
      subscribe(db, wish(tagblatt, 'eva@example.com', choosing({ hour: 18 })), NOON),
    )

    // The administrator's word comes after leaving, and without proof: the reader is asked.
    expect(await readRow(db, subscriptionId)).toMatchObject({ state: 'pending' })
    expect(await actions(db)).toEqual(['confirmed', 'requested'])
  })

  test('an import does not bring them back either', async () => {
    const { subscriptionId } = await subscribe(db, wish(tagblatt, 'eva@example.com', CONFIRMED), NOON)
    const row = { ...wish(tagblatt, '', { ...CONFIRMED, topics: ['Sport'], by: 'import' }), address: 'eva@example.com' }

    expect(await during(database, leaves(subscriptionId), () => signUp(db, [row], NOON))).toEqual([
      { kind: 'refused', reason: 'unsubscribed' },
    ])
    expect(await readRow(db, subscriptionId)).toMatchObject({ state: 'unsubscribed', topics: [] })
  })
})
