import { sql } from 'drizzle-orm'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../src/db/client.ts'
import { dryRunPlan } from '../../../src/editions/plan/dry-run.ts'
import { makeManualRequest } from '../../../src/editions/plan-request.ts'
import { createPartitionsAhead } from '../../../src/editions/retention/make-partitions.ts'
import { handClock } from '../../support/clock.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { planByHand } from '../../support/planned.ts'
import { countStatements } from '../../support/statements.ts'
import { makeWorld, NOON, type World } from '../../support/world.ts'
import { readPartitions, restorePartitions, takeIds } from '../partition-fixtures.ts'

const { db, pool, url, engine } = await freshDatabase()
const second = await openDatabase(url)
afterAll(second.close)
beforeEach(() => restorePartitions(db))

async function makeReady(slug: string): Promise<World> {
  const world = await makeWorld(db, slug)
  await world.addReaders(3)
  await world.addArticles(1)
  return world
}

/** Counts the deliveries in a partition. */
async function countIn(partition: string): Promise<number> {
  const rows = await db.execute<{ n: number }>(sql`select count(*) as n from ${sql.identifier(partition)}`)
  return rows.rows[0]?.n ?? 0
}

describe('creating partitions ahead', () => {
  test('covers a thousand ids more than were used', async () => {
    await takeIds(db, 999)
    await createPartitionsAhead(db)
    expect(await readPartitions(db)).toEqual(['delivery_0', 'delivery_1'])
    await takeIds(db, 1000)
    await createPartitionsAhead(db)
    expect(await readPartitions(db)).toEqual(['delivery_0', 'delivery_1', 'delivery_2'])
  })

  test('leaves out ranges whose ids were all used without deliveries', async () => {
    await takeIds(db, 5123)
    await createPartitionsAhead(db)
    expect(await readPartitions(db)).toEqual(['delivery_0', 'delivery_1', 'delivery_5', 'delivery_6'])
  })

  test('creates partitions exactly as PostgreSQL itself does', async () => {
    await takeIds(db, 1000)
    await createPartitionsAhead(db)
    await db.execute(
      sql`create table fresh partition of delivery for values from (9000) to (9001) with (fillfactor = 50)`,
    )
    const built = await db.execute<{ indexes: string[] }>(sql`
      select c.reloptions,
        (select array_agg(concat(i.indkey, i.indisprimary, i.indisunique, h.inhparent::regclass) order by h.inhparent)
          from pg_index i join pg_inherits h on h.inhrelid = i.indexrelid where i.indrelid = c.oid) as indexes,
        (select array_agg(concat(k.conname, k.coninhcount, k.conislocal) order by k.conname)
          from pg_constraint k where k.conrelid = c.oid and k.contype = 'c') as checks,
        (select array_agg(concat(a.attname, a.attnotnull, a.attinhcount, pg_get_expr(x.adbin, x.adrelid)) order by a.attnum)
          from pg_attribute a left join pg_attrdef x on x.adrelid = a.attrelid and x.adnum = a.attnum
          where a.attrelid = c.oid and a.attnum > 0) as columns
      from pg_class c where c.relname in ('delivery_2', 'fresh') order by c.relname`)
    await db.execute(sql`drop table fresh`)
    expect(built.rows[0]?.indexes).toHaveLength(2)
    expect(built.rows[0]).toEqual(built.rows[1])
  })

  test('creates each once when schedulers tick at the same time', async () => {
    await takeIds(db, 3000)
    await Promise.all([db, second.db, db, second.db].map((one) => createPartitionsAhead(one)))
    expect(await readPartitions(db)).toEqual(['delivery_0', 'delivery_1', 'delivery_3', 'delivery_4'])
  })

  test('takes one statement when they exist', async () => {
    const { statements } = await countStatements(pool).count((by) => createPartitionsAhead(by))
    expect(statements).toHaveLength(1)
  })

  test('neither waits for sending and planning nor makes them wait', async () => {
    if (engine !== 'postgres') return // One session: nothing happens meanwhile.
    await makeReady('morgen').then((world) => planByHand(db, world))
    await takeIds(db, 1000)
    await second.db.transaction(async (sending) => {
      await sending.execute(sql`update delivery set attempts = attempts + 1`)
      await createPartitionsAhead(db)
      expect(await readPartitions(db)).toContain('delivery_2')
    })
  })

  test('is left to the next tick while another change of the table is under way', async () => {
    if (engine !== 'postgres') return
    await takeIds(db, 1000)
    await second.db.transaction(async (other) => {
      await other.execute(sql`lock table delivery in share update exclusive mode`)
      await createPartitionsAhead(db)
    })
    expect(await readPartitions(db)).not.toContain('delivery_2')
    await createPartitionsAhead(db)
    expect(await readPartitions(db)).toContain('delivery_2')
  })
})

describe('planning beyond the last partition', () => {
  test('creates the partition without maintenance', async () => {
    const world = await makeReady('morgen')
    await takeIds(db, 1999)
    expect(await planByHand(db, world)).toBe(2000)
    expect(await countIn('delivery_2')).toBe(3)
  })

  test('creates the partition once when several planners need it at the same time', async () => {
    const worlds = [await makeReady('eins'), await makeReady('zwei'), await makeReady('drei')]
    await takeIds(db, 4999)
    const editions = await Promise.all(worlds.map((world, n) => planByHand(n === 1 ? second.db : db, world)))
    expect(editions.toSorted()).toEqual([5000, 5001, 5002])
    expect(await countIn('delivery_5')).toBe(9)
  })

  test('works while maintenance creates the same partition', async () => {
    const world = await makeReady('morgen')
    await takeIds(db, 2999)
    const [edition] = await Promise.all([planByHand(db, world), createPartitionsAhead(second.db)])
    expect(edition).toBe(3000)
    await createPartitionsAhead(db)
    expect(await readPartitions(db)).toEqual(expect.arrayContaining(['delivery_3', 'delivery_4']))
  })

  test('has a dry run like any other, which keeps no partition', async () => {
    const world = await makeReady('morgen')
    await takeIds(db, 1999)
    const order = makeManualRequest(world.newsletterId, null, null)
    expect(await dryRunPlan(db, order, handClock(NOON))).toMatchObject({ planned: 3 })
    expect(await readPartitions(db)).not.toContain('delivery_2')
    expect(await planByHand(db, world)).toBe(2001)
  })
})
