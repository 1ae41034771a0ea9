import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/client.ts'
import { codeOf } from '../../src/errors.ts'
import { readHealth } from '../../src/scheduler/health.ts'
import { recordBeat } from '../../src/scheduler/heartbeat.ts'
import { describeWriteFault, findWriteFault, setLeastMemory, spillRows } from '../../src/scheduler/write-check.ts'
import { countForm } from '../../src/subscribers/form-limits.ts'
import { freshDatabase } from '../support/fresh.ts'
import { NOON } from '../support/world.ts'

const { db, url } = await freshDatabase()

describe('health', () => {
  test('is good for two minutes after the scheduler’s last heartbeat', async () => {
    await recordBeat(db, NOON)
    expect(await readHealth(db, NOON)).toEqual({ ready: true, reasons: [] })
    expect(await readHealth(db, NOON.add({ seconds: 120 }))).toEqual({ ready: true, reasons: [] })
  })

  test.each([
    [{ seconds: 121 }, '121 s ago'],
    [{ minutes: 30 }, '30 minutes ago'],
    [{ hours: 50 }, '50 hours ago'],
  ])('is bad %o after it, and says since when and what to do', async (age, said) => {
    await recordBeat(db, NOON)
    const { ready, reasons } = await readHealth(db, NOON.add(age))
    expect(ready).toBe(false)
    expect(reasons).toEqual([expect.stringContaining(said)])
    expect(reasons[0]).toContain('2026-05-04T12:00:00Z')
    expect(reasons[0]).toContain('courant serve --roles scheduler')
  })

  test('is good again with the next heartbeat, also after the clock was set back', async () => {
    await recordBeat(db, NOON)
    await recordBeat(db, NOON.subtract({ hours: 1 }))
    expect((await readHealth(db, NOON.subtract({ minutes: 59 }))).ready).toBe(true)
  })

  test('stays good while subscribe forms flood in, and warns until the hour is over', async () => {
    await recordBeat(db, NOON)
    for (let n = 0; n < 3; n += 1)
      await countForm(db, { address: `r${n}@web.de`, ip: null }, { neighbourhood: null, perHour: 2 }, NOON)
    const health = await readHealth(db, NOON)
    expect(health).toEqual({
      ready: true,
      reasons: [],
      warnings: [expect.stringContaining('More than 2 subscribe forms')],
    })
    await recordBeat(db, NOON.add({ minutes: 61 }))
    expect(await readHealth(db, NOON.add({ minutes: 61 }))).toEqual({ ready: true, reasons: [] })
  })

  test('is bad where no scheduler ever ran', async () => {
    const { ready, reasons } = await readHealth(db, NOON)
    expect(ready).toBe(false)
    expect(reasons).toEqual([expect.stringContaining('No scheduler has run')])
  })

  test('is bad where the database does not answer, without an exception', async () => {
    const gone = await openDatabase(url)
    await gone.close()
    const { ready, reasons } = await readHealth(gone.db, NOON)
    expect(ready).toBe(false)
    expect(reasons).toEqual([expect.stringContaining('The database does not answer')])
  })

  test('is bad where the database accepts no changes, with that reason instead of a late scheduler', async () => {
    await recordBeat(db, NOON)
    const reading = await openDatabase(url, 1)
    try {
      await reading.db.execute(sql`set default_transaction_read_only = on`)
      const { ready, reasons } = await readHealth(reading.db, NOON.add({ hours: 1 }))
      expect(ready).toBe(false)
      expect(reasons).toEqual([expect.stringMatching(/^The database is read-only: .* DATABASE_URL/)])
    } finally {
      await reading.db.execute(sql`set default_transaction_read_only = off`)
      await reading.close()
    }
    expect(await readHealth(db, NOON)).toEqual({ ready: true, reasons: [] })
  })

  test('checks with a query that needs a few blocks on disk and changes nothing', async () => {
    expect(await findWriteFault(db)).toBeNull()
    const plan = await db.transaction(async (tx) => {
      await tx.execute(sql`select ${setLeastMemory}`)
      const { rows } = await tx.execute(sql`explain (analyze, buffers, format json) ${spillRows}`)
      const { rows: ids } = await tx.execute<{ id: string | null }>(
        sql`select pg_current_xact_id_if_assigned()::text as id`,
      )
      expect(ids).toEqual([{ id: null }])
      return JSON.stringify(rows)
    })
    expect(plan).toMatch(/"Temp Written Blocks":\s*[1-9],/)
  })

  test('recognises a full disk by the server’s code', async () => {
    const failed = await db
      .execute(sql`do $$ begin raise exception 'could not write' using errcode = '53100'; end $$`)
      .catch((error: unknown) => error)
    expect(describeWriteFault(codeOf(failed))).toMatch(/^The disk of the database is full \(53100\)/)
    expect(describeWriteFault('23505')).toBeNull()
  })

  test('is bad where the database takes too long', async () => {
    await recordBeat(db, NOON)
    const slow = await openDatabase(url, 1)
    const asked = Promise.withResolvers<void>()
    const done = slow.db.transaction(async (tx) => {
      await tx.execute(sql`select 1`)
      await asked.promise
    })
    const { ready, reasons } = await readHealth(slow.db, NOON, 100)
    asked.resolve()
    await done
    await slow.close()
    expect(ready).toBe(false)
    expect(reasons).toEqual([expect.stringContaining('has not answered within 0.1 s')])
  })
})
