import { type SQL, sql } from 'drizzle-orm'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { clockFrom } from '../../../src/clock.ts'
import { readConfig } from '../../../src/config/config.ts'
import { openDatabase } from '../../../src/db/client.ts'
import { sendEdition } from '../../../src/delivery/worker.ts'
import { cancelEdition } from '../../../src/editions/lifecycle/cancel.ts'
import { withdrawArticles } from '../../../src/editions/lifecycle/withdraw-articles.ts'
import { countDeliveries } from '../../../src/editions/reports/counts.ts'
import { dropOldPartition, RETENTION_DAYS } from '../../../src/editions/retention/drop-partitions.ts'
import { createPartitionsAhead } from '../../../src/editions/retention/make-partitions.ts'
import { courantOn } from '../../support/command-line.ts'
import { freshDatabase, freshSinks } from '../../support/fresh.ts'
import { planByHand } from '../../support/planned.ts'
import { senderTo } from '../../support/sender.ts'
import { countStatements } from '../../support/statements.ts'
import { makeWorld, NOON, type World } from '../../support/world.ts'
import { endAll, readPartitions, restorePartitions, takeIds } from '../partition-fixtures.ts'

const { db, pool, url, engine } = await freshDatabase()
const second = await openDatabase(url)
afterAll(second.close)
const sink = freshSinks()
beforeEach(() => restorePartitions(db))

const LATER = NOON.add({ hours: RETENTION_DAYS * 24 })
const config = readConfig({ SECRET: 'x'.repeat(32), MAIL_FROM: 'Haus <haus@verlag.example>' })

/** Edition 1 with four readers, sent and finished at noon; so many ids were used since that its partition is closed. */
async function sendFirst(): Promise<World> {
  const world = await makeWorld(db)
  await world.addReaders(4)
  await world.addArticles(2)
  expect(await planByHand(db, world)).toBe(1)
  await endAll(db, NOON)
  await takeIds(db, 1000)
  await createPartitionsAhead(db)
  return world
}

const countStoredDeliveries = async () => (await db.execute(sql`select from delivery`)).rows.length

describe('a partition', () => {
  test('is dropped when all its editions have been over for 180 days', async () => {
    await sendFirst()
    expect(await dropOldPartition(db, LATER)).toBe('delivery_0')
    expect(await readPartitions(db)).toEqual(['delivery_1', 'delivery_2'])
    expect(await countStoredDeliveries()).toBe(0)
    expect(await dropOldPartition(db, LATER)).toBeNull()
  })

  test('is dropped with editions that were cancelled or missed, and with ids that no edition has', async () => {
    await sendFirst()
    await takeIds(db, 1100)
    for (const state of ['cancelled', 'missed'])
      await db.execute(sql`
        insert into edition (public_id, newsletter_id, state, bound_entry_id, nonce, created_at, finished_at)
        select ${state}, newsletter_id, ${state}, 0, nonce, created_at, finished_at from edition where id = 1`)
    await takeIds(db, 2100)
    await createPartitionsAhead(db)
    await takeIds(db, 3000)
    for (const name of ['delivery_0', 'delivery_1', 'delivery_2', null])
      expect(await dropOldPartition(db, LATER)).toBe(name)
  })

  const KEEPS: readonly (readonly [string, SQL])[] = [
    ['one of its editions ended later', sql`update edition set finished_at = finished_at + interval '1 ms'`],
    ['nobody knows when one ended', sql`update edition set finished_at = null`],
    ...['planning', 'sending', 'paused', 'held'].map(
      (state) => [`one is ${state}`, sql`update edition set state = ${state}`] as const,
    ),
    ['a batch has something due', sql`update batch set due_at = ${NOON.toString()}`],
    ['a delivery is not final', sql`update batch set sent = sent - 1`],
    ['a delivery was never accounted for', sql`update batch set sent = sent - 1, sending = 1`],
    ['its last id was the last that was taken', sql`select setval('edition_id_seq', 999)`],
  ]
  test.each(KEEPS)('is kept while %s', async (_, change) => {
    await sendFirst()
    await db.execute(change)
    expect(await dropOldPartition(db, LATER)).toBeNull()
    expect(await countStoredDeliveries()).toBe(4)
  })

  test('that is kept does not keep later ones', async () => {
    const world = await sendFirst()
    await world.addArticles(1)
    expect(await planByHand(db, world)).toBe(1001)
    await endAll(db, NOON)
    await db.execute(sql`update edition set state = 'paused' where id = 1`)
    await takeIds(db, 2000)
    expect(await dropOldPartition(db, LATER)).toBe('delivery_1')
    expect(await countStoredDeliveries()).toBe(4)
  })

  test('is kept for an edition that is committed while it is being dropped, with an id from long before', async () => {
    if (engine !== 'postgres') return // One session: nothing happens meanwhile.
    const world = await sendFirst()
    await world.addArticles(1)
    await takeIds(db, 998)
    let dropped: Promise<string | null> = Promise.resolve('none')
    await second.db.transaction(async (planning) => {
      expect(await planByHand(planning, world, clockFrom(LATER))).toBe(999)
      await takeIds(planning, 1000)
      dropped = dropOldPartition(db, LATER)
      await untilWaiting()
    })
    expect(await dropped).toBeNull()
    expect(await countStoredDeliveries()).toBe(8)
  })

  test('is dropped once when schedulers tick at the same time', async () => {
    await sendFirst()
    const dropped = await Promise.all([db, second.db, db, second.db].map((one) => dropOldPartition(one, LATER)))
    expect(dropped.filter((one) => one !== null)).toEqual(['delivery_0'])
    expect(await readPartitions(db)).toEqual(['delivery_1', 'delivery_2'])
  })

  test('that is not dropped takes one statement', async () => {
    await sendFirst()
    const { statements } = await countStatements(pool).count((by) => dropOldPartition(by, NOON))
    expect(statements).toHaveLength(1)
  })
})

describe('an edition whose deliveries were dropped', () => {
  test('still shows its counts, its articles and its place in the archive', async () => {
    await sendFirst()
    const courant = courantOn({ db, config, clock: clockFrom(LATER) })
    const [shown, listed] = [await courant('edition', 'show', '1'), await courant('edition', 'list')]
    const counts = await countDeliveries(db, 1)
    const archive = () =>
      db.execute(sql`
      select e.home, a.title, v.entry_ids, v.home as home_variant from edition e
      join edition_article a on a.edition_id = e.id join variant v on v.edition_id = e.id order by a.entry_id, v.id`)
    const archived = (await archive()).rows
    expect(await dropOldPartition(db, LATER)).toBe('delivery_0')
    expect(counts).toMatchObject({ planned: 4, sent: 4, queued: 0 })
    expect(await countDeliveries(db, 1)).toEqual(counts)
    expect(await courant('edition', 'show', '1')).toEqual(shown)
    expect(await courant('edition', 'list')).toEqual(listed)
    expect(archived).toHaveLength(2)
    expect((await archive()).rows).toEqual(archived)
  })

  test('loses an article that is removed, like any other edition', async () => {
    await sendFirst()
    await dropOldPartition(db, LATER)
    await withdrawArticles(db, [1], 'hidden', clockFrom(LATER))
    const left = await db.execute(sql`select article_count as articles, home from edition`)
    expect(left.rows).toEqual([{ articles: 1, home: true }])
    expect(await countDeliveries(db, 1)).toMatchObject({ sent: 4 })
  })

  test('still cannot be cancelled, and nothing of it is sent again', async () => {
    const world = await sendFirst()
    await dropOldPartition(db, LATER)
    await expect(cancelEdition(db, 1, clockFrom(LATER))).rejects.toMatchObject({ code: 'edition.state' })
    expect(await planByHand(db, world, clockFrom(LATER))).toBe(0)
    const [next] = await world.addArticles(1)
    expect(await planByHand(db, world, clockFrom(LATER))).toBe(1001)
    const rows = await db.execute(
      sql`select distinct v.entry_ids from delivery d join variant v on v.id = d.variant_id`,
    )
    expect(rows.rows).toEqual([{ entry_ids: [next] }])
  })
})

describe('sending at the same time', () => {
  test('continues while partitions are created and dropped', async () => {
    const world = await sendFirst()
    await world.addReaders(40)
    await world.addArticles(1)
    const edition = await planByHand(db, world)
    await takeIds(db, 3000)
    const smtp = await sink()
    const sending = sendEdition(db, await senderTo(`${smtp.url}?connections=4`), edition, clockFrom(NOON))
    const dropped = await untilDropped()
    await createPartitionsAhead(second.db)
    await sending
    expect(dropped).toBe('delivery_0')
    expect(smtp.messages).toHaveLength(44)
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: 44, sent: 44 })
  })

  test('is never held up: a partition that cannot be locked at once is left to the next tick', async () => {
    if (engine !== 'postgres') return // One session: nothing happens meanwhile.
    await sendFirst()
    await db.transaction(async (sending) => {
      await sending.execute(sql`select from delivery where edition_id = 1`)
      expect(await dropOldPartition(second.db, LATER)).toBeNull()
      expect((await sending.execute(sql`select from delivery`)).rows).toHaveLength(4)
    })
    expect(await dropOldPartition(second.db, LATER)).toBe('delivery_0')
  })
})

/** Ticks, as the scheduler would, until the old partition is gone. */
async function untilDropped(): Promise<string | null> {
  for (let ticks = 0; ticks < 50; ticks++) {
    const dropped = await dropOldPartition(second.db, LATER)
    if (dropped !== null) return dropped
  }
  return null
}

/** Waits until a statement waits for a lock on `delivery`, or has given up. */
async function untilWaiting(): Promise<void> {
  for (let asked = 0; asked < 1000; asked++) {
    const waiting = await pool.query("select from pg_locks where relation = 'delivery'::regclass and not granted")
    if (waiting.rows.length > 0) return
  }
}
