import { setImmediate as settled } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { type Clock, Temporal } from '../../src/clock.ts'
import { DatabaseClock, keepAligned } from '../../src/db/database-clock.ts'
import { freshDatabase } from '../support/fresh.ts'

const { db } = await freshDatabase()
const HOUR_MS = 3_600_000

/** A machine's clock that is set by hand, whatever its monotonic one says. */
function machine(start: Temporal.Instant) {
  let [now, ms] = [start, 5_000]
  const clock: Clock = { now: () => now, monotonicMs: () => ms, sleep: async () => {} }
  const set = (at: Temporal.Instant) => {
    now = at
  }
  const pass = (passedMs: number) => {
    now = now.add({ milliseconds: passedMs })
    ms += passedMs
  }
  return { clock, set, pass }
}

async function databaseMs(): Promise<number> {
  const { rows } = await db.execute<{ ms: number }>(
    sql`select (extract(epoch from clock_timestamp()) * 1000)::bigint as ms`,
  )
  return rows[0]?.ms ?? 0
}

test.each([-HOUR_MS, -600_000, -20_000, 20_000, 600_000, HOUR_MS])(
  'a machine whose clock is %i ms off goes by the database’s, and says by how much it is off',
  async (offMs) => {
    const { clock } = machine(Temporal.Instant.fromEpochMilliseconds((await databaseMs()) + offMs))
    const aligned = new DatabaseClock(clock)
    const before = await databaseMs()
    const offset = await aligned.align(db)
    const told = aligned.now().epochMilliseconds
    expect(told).toBeGreaterThanOrEqual(before)
    expect(told).toBeLessThanOrEqual(await databaseMs())
    expect(Math.sign(offset)).toBe(Math.sign(offMs))
  },
)

test('between two questions it runs on as time passes, also when the machine’s clock is set', async () => {
  const { clock, set, pass } = machine(Temporal.Instant.from('2026-05-05T05:00:00Z'))
  const aligned = new DatabaseClock(clock)
  await aligned.align(db)
  const start = aligned.now()
  pass(1_000)
  set(Temporal.Instant.from('1999-01-01T00:00:00Z'))
  expect(aligned.now().since(start).total('milliseconds')).toBe(1_000)
})

test('before it was asked, the machine’s clock counts', () => {
  const start = Temporal.Instant.from('2026-05-05T05:00:00Z')
  expect(new DatabaseClock(machine(start).clock).now()).toEqual(start)
})

test('a server asks again when its machine slept or its clock was set, and says so once', async () => {
  const { clock, set, pass } = machine(Temporal.Instant.fromEpochMilliseconds(await databaseMs()))
  const asked = new AbortController()
  let asks = 0
  class Counted extends DatabaseClock {
    override ask(database: typeof db) {
      asks += 1
      return super.ask(database)
    }
  }
  let beats = 0
  const aligned = new Counted({
    ...clock,
    sleep: async () => {
      beats += 1
      pass(1_000)
      if (beats === 3) set(clock.now().add({ hours: 1 }))
      if (beats === 10) asked.abort()
      await settled()
    },
  })
  const lines: string[] = []
  const log = pino({}, { write: (line) => lines.push(JSON.parse(line).msg) })
  await keepAligned(aligned, db, log, asked.signal)
  const first = asks
  while (!asked.signal.aborted) await settled()
  expect({ first, later: asks - first, lines }).toEqual({ first: 3, later: 3, lines: ['clock.off'] })
})
