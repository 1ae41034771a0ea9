import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { type SubscribeRequest, subscribe } from '../../src/subscribers/signup/subscribe.ts'
import { freshDatabase } from '../support/fresh.ts'
import {
  addEntries,
  choosing,
  EVIDENCE,
  freshTagblatt,
  LAST_SLOT,
  moveWatermarks,
  NOON,
  readRow,
  wish,
} from './fixtures.ts'

const EVA = 'eva@example.com'
const CONFIRMED = { confirmed: EVIDENCE }

const { db } = await freshDatabase()
const tagblatt = await freshTagblatt(db)

const add = (said: Partial<SubscribeRequest> = {}) => subscribe(db, wish(tagblatt, EVA, said), NOON)
const leave = (id: number, seen: number | null = null) =>
  db.execute(
    sql`update subscription set state = 'unsubscribed', unsubscribed_at = ${NOON.toString()}, seen_entry_id = ${seen}::bigint where id = ${id}`,
  )

describe('subscribe and the watermark', () => {
  test('who moves takes along what they had seen', async () => {
    const { subscriptionId } = await add(CONFIRMED)
    await addEntries(db, tagblatt, [LAST_SLOT])
    await moveWatermarks(db, tagblatt)
    await addEntries(db, tagblatt, [LAST_SLOT.add({ hours: 1 }), LAST_SLOT.add({ hours: 2 })])

    // A new weekly cohort has seen what was there on Monday: nothing.
    await add(choosing({ frequency: 'weekly' }))
    expect(await readRow(db, subscriptionId)).toMatchObject({ cohort_id: 2, own: 1, cohort: 0 })

    await moveWatermarks(db, tagblatt)
    await addEntries(db, tagblatt, [NOON])
    expect(await readRow(db, subscriptionId)).toMatchObject({ own: null, cohort: 3 })
    await add(choosing({ frequency: 'daily' }))
    expect(await readRow(db, subscriptionId)).toMatchObject({ cohort_id: 1, own: null, cohort: 3 })
  })

  test('who only picks other topics keeps an own watermark', async () => {
    await addEntries(db, tagblatt, [LAST_SLOT, NOON])
    await moveWatermarks(db, tagblatt)
    const { subscriptionId } = await add(CONFIRMED)
    expect(await readRow(db, subscriptionId)).toMatchObject({ own: 1, cohort: 2 })

    await add({ topics: ['Sport'] })
    expect(await readRow(db, subscriptionId)).toMatchObject({ own: 1, cohort: 2 })
  })

  test('who waits for confirmation starts when confirmed, not when they asked', async () => {
    const { subscriptionId } = await add(choosing({ frequency: 'instant' }))
    await addEntries(db, tagblatt, [NOON.add({ hours: 1 }), NOON.add({ hours: 40 })])
    await moveWatermarks(db, tagblatt)

    await subscribe(db, wish(tagblatt, EVA, CONFIRMED), NOON.add({ hours: 41 }))

    expect(await readRow(db, subscriptionId)).toMatchObject({ state: 'active', own: 1, cohort: 2 })
  })

  test('who left and comes back gets nothing a second time', async () => {
    const { subscriptionId } = await add(CONFIRMED)
    await addEntries(db, tagblatt, [LAST_SLOT, LAST_SLOT.add({ hours: 1 })])
    await moveWatermarks(db, tagblatt)
    // Sent by hand at 07:00 UTC, left at once: the last slot saw one entry, the reader two.
    await leave(subscriptionId, 2)
    await addEntries(db, tagblatt, [NOON])

    await add(CONFIRMED)
    expect(await readRow(db, subscriptionId)).toMatchObject({ state: 'active', own: null, cohort: 2 })
  })

  test('who left and asks anew keeps what they had seen until they confirm', async () => {
    const { subscriptionId } = await add(CONFIRMED)
    await addEntries(db, tagblatt, [NOON])
    await moveWatermarks(db, tagblatt)
    await leave(subscriptionId)
    await add({ by: 'reader' })
    await addEntries(db, tagblatt, [NOON.add({ minutes: 1 })])
    await moveWatermarks(db, tagblatt)

    expect(await readRow(db, subscriptionId)).toMatchObject({ state: 'pending', own: 1, cohort: 2 })
    await add(CONFIRMED)
    expect(await readRow(db, subscriptionId)).toMatchObject({ state: 'active', own: 1, cohort: 2 })
  })
})
