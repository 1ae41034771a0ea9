import { sql } from 'drizzle-orm'
import { bigint, customType } from 'drizzle-orm/pg-core'
import { Temporal } from '../../clock.ts'

/** A point in time as `timestamptz` (milliseconds), a Temporal.Instant in code. */
export const instant = customType<{ data: Temporal.Instant; driverData: string }>({
  dataType: () => 'timestamp (3) with time zone',
  toDriver: (value) => value.toString(),
  fromDriver: (value) => Temporal.Instant.from(value),
})

/** Raw octets, a Buffer in code. */
export const bytes = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })

/** A sequential id, made by the database; never shown to a reader. */
export const id = () => bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity()

/** A reference to, or a count of, rows. */
export const bigNumber = () => bigint({ mode: 'number' })

/** An empty array as a column's default. */
export const emptyIntegers = sql`'{}'::integer[]`
export const emptyTexts = sql`'{}'::text[]`
