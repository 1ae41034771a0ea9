import { sql } from 'drizzle-orm'
import { afterAll, describe, expect, test } from 'vitest'
import { migrateDatabase } from '../../src/db/migrate.ts'
import { openTestDatabase } from '../support/database.ts'
import { NOON } from '../support/world.ts'

const { db, close } = await openTestDatabase()
afterAll(close)

describe('migrating', () => {
  test('several that start at once apply each migration once', async () => {
    await db.execute(sql`drop schema public cascade`)
    await db.execute(sql`create schema public`)
    const applied = await Promise.all([1, 2, 3, 4].map(() => migrateDatabase(db, NOON)))
    expect(applied.filter((count) => count > 0)).toHaveLength(1)
    const rows = await db.execute(sql`select count(*) as installations, min(epoch) as epoch from installation`)
    expect(rows.rows).toEqual([{ installations: 1, epoch: 1 }])
  })

  test('a program that is older than the database refuses it, changes nothing and says which version is needed', async () => {
    const later = 9_000_000_000_000
    await db.execute(sql`insert into migration (hash, made_at, made_by) values ('later', ${later}, '7.0.0')`)
    await expect(migrateDatabase(db, NOON)).rejects.toMatchObject({
      code: 'database.newer',
      todo: expect.stringContaining('version 7.0.0'),
    })
    await db.execute(sql`delete from migration where made_at = ${later}`)
    expect(await migrateDatabase(db, NOON)).toBe(0)
  })

  test('deliveries are partitioned, and no index names a column that sending changes', async () => {
    const partitions = await db.execute<{ name: string }>(sql`
      select inhrelid::regclass::text as name from pg_inherits where inhparent = 'delivery'::regclass order by 1`)
    expect(partitions.rows.map((row) => row.name)).toEqual(['delivery_0', 'delivery_1'])
    const indexed = await db.execute<{ column: string }>(sql`
      select distinct a.attname as column from pg_index i
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
      where i.indrelid = 'delivery'::regclass order by 1`)
    expect(indexed.rows.map((row) => row.column)).toEqual(['edition_id', 'seq', 'subscriber_id'])
  })

  test('a record of consent can be added and deleted, never changed', async () => {
    await db.execute(
      sql`insert into consent_record (email_hash, action, at) values (decode('00', 'hex'), 'requested', ${NOON.toString()})`,
    )
    await expect(db.execute(sql`update consent_record set action = 'confirmed'`)).rejects.toThrow()
    expect((await db.execute(sql`delete from consent_record`)).rowCount).toBe(1)
  })
})
