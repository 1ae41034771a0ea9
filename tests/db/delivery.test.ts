import { sql } from 'drizzle-orm'
import { getTableConfig } from 'drizzle-orm/pg-core'
import { expect, test } from 'vitest'
import { delivery } from '../../src/db/delivery.ts'
import { freshDatabase } from '../support/fresh.ts'

const opened = await freshDatabase()

test('what the code says of deliveries is what the database holds, though a migration written by hand makes them', async () => {
  const held = await opened.db.execute(sql`
    select column_name as name, is_nullable = 'NO' as "notNull", data_type as type
    from information_schema.columns where table_name = 'delivery' order by name`)
  const said = getTableConfig(delivery).columns.map((column) => ({
    name: column.name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    notNull: column.notNull,
    type: column.getSQLType().replace(' (3)', ''),
  }))
  expect(said.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(held.rows)
})
