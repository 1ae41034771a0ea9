import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { Temporal } from '../../src/clock.ts'
import { openDatabase } from '../../src/db/client.ts'
import type { Schedule } from '../../src/newsletters/schedule/slots.ts'
import { correctDueTimes, wasSetBack } from '../../src/scheduler/clock-correction.ts'
import { readLastBeat, recordBeat } from '../../src/scheduler/heartbeat.ts'
import { planDue } from '../../src/scheduler/plan-due.ts'
import { handClock } from '../support/clock.ts'
import { openTestDatabase } from '../support/database.ts'
import { addEntry, addReaders, addTagblatt, readReceived, sendAll, WORK } from './newsletter-fixtures.ts'
import { MONDAY } from './times.ts'

const { db, url, truncate, close } = await openTestDatabase()
const second = await openDatabase(url)
afterAll(async () => {
  await second.close()
  await close()
})

const CHOICES: Readonly<Record<string, Partial<Schedule>>> = {
  berlin: {},
  utc: { zone: 'Etc/UTC', hour: 5 },
  neufundland: { zone: 'America/St_Johns', hour: 23 },
  kiribati: { frequency: 'weekdays', zone: 'Pacific/Kiritimati', hour: 2 },
  donnerstags: { frequency: 'weekly', weekday: 4 },
  sofort: { frequency: 'instant' },
}

type Step =
  | { readonly kind: 'article' }
  /** The clock advances, or is wrong: minutes forward or back. */
  | { readonly kind: 'clock'; readonly minutes: number }
  | { readonly kind: 'tick'; readonly schedulers: number }
  | { readonly kind: 'sent' }

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'article' }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('clock' as const), minutes: fc.integer({ min: 1, max: 2880 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('clock' as const), minutes: fc.integer({ min: -20_000, max: 20_000 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('tick' as const), schedulers: fc.integer({ min: 1, max: 2 }) }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'sent' }) },
)

async function tickAt(now: Temporal.Instant, schedulers = 1): Promise<void> {
  if (wasSetBack(await readLastBeat(db), now)) await correctDueTimes(db, now)
  await recordBeat(db, now)
  const clock = handClock(now)
  await Promise.all([db, second.db].slice(0, schedulers).map((one) => planDue(one, WORK, clock)))
}

/** Ticks when each cohort is due, until all have had two more slots. */
async function settle(from: Temporal.Instant): Promise<void> {
  let now = from
  for (let round = 0; round < 3; round++) {
    await tickAt(now)
    const due = await db.execute<{ due: string }>(sql`select distinct next_due_at as due from cohort order by 1`)
    for (const row of due.rows) {
      const dueAt = Temporal.Instant.from(row.due)
      if (Temporal.Instant.compare(dueAt, now) > 0) now = dueAt
      await tickAt(now)
    }
  }
}

test('each article reaches each reader exactly once, however the clock jumps and however many schedulers plan', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 4, maxLength: 14 }), async (steps) => {
      await truncate()
      const newsletter = await addTagblatt(db)
      const readers = await addReaders(db, newsletter, CHOICES, MONDAY)
      const entries: number[] = []
      let now = MONDAY
      for (const step of steps) {
        if (step.kind === 'article') entries.push(await addEntry(db, newsletter, now))
        if (step.kind === 'clock') now = now.add({ minutes: step.minutes })
        if (step.kind === 'tick') await tickAt(now, step.schedulers)
        if (step.kind === 'sent') await sendAll(db)
      }
      await settle(now)
      const received = []
      for (const reader of readers) received.push((await readReceived(db, reader)).flat().sort((a, b) => a - b))
      expect(received).toEqual(readers.map(() => entries))
      const twice = await db.execute(sql`
        select frequency, slot_at from edition group by newsletter_id, frequency, slot_at having count(*) > 1`)
      expect(twice.rows).toEqual([])
    }),
    { numRuns: 10 },
  )
}, 180_000)
