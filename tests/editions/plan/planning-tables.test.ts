import { getTableColumns, sql } from 'drizzle-orm'
import { getTableConfig } from 'drizzle-orm/pg-core'
import { expect, test } from 'vitest'
import {
  plannedGroup,
  plannedMatch,
  plannedReader,
  plannedSelection,
  plannedUnsent,
} from '../../../src/digest/planning-tables.ts'
import { makeEditionIdentity } from '../../../src/editions/editions.ts'
import { readSlices } from '../../../src/editions/plan/audience.ts'
import { writeSlice } from '../../../src/editions/plan/plan.ts'
import { makeManualRequest } from '../../../src/editions/plan-request.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { makeWorld, NOON } from '../../support/world.ts'

const { db } = await freshDatabase()

test.each([plannedUnsent, plannedReader, plannedGroup, plannedMatch, plannedSelection])(
  'planning creates its temporary tables with the types they are described with (%#)',
  async (table) => {
    const world = await makeWorld(db)
    await world.addReaders(2)
    await world.addArticles(2)
    const request = makeManualRequest(world.newsletterId, null, null)
    const created = await db.transaction(async (tx) => {
      const [slice] = await readSlices(tx, request)
      if (slice === undefined) throw new Error('there is no slice to plan')
      await writeSlice(tx, request, makeEditionIdentity(), slice, { edition: null, created: false }, NOON)
      const { rows } = await tx.execute<{ name: string; type: string }>(sql`
      select attname as name, format_type(atttypid, null) as type from pg_attribute
      where attrelid = ${getTableConfig(table).name}::regclass and attnum > 0 order by attnum`)
      return rows
    })
    const described = Object.values(getTableColumns(table)).map((column) => ({
      name: column.name,
      type: column.getSQLType().replace(' (3)', ''),
    }))
    expect(created).toEqual(described)
  },
)
