import { pino } from 'pino'
import { expect, test } from 'vitest'
import type { Clock } from '../../src/clock.ts'
import { startScheduler } from '../../src/scheduler/scheduler.ts'
import { freshDatabase } from '../support/fresh.ts'
import { NOON } from '../support/world.ts'

const { db } = await freshDatabase()

/** A clock on which this many milliseconds pass, as fast as it is slept on; then it stops. */
function passing(totalMs: number): Clock & { readonly over: Promise<void> } {
  let ms = 0
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const sleep = async (wantedMs: number, signal?: AbortSignal): Promise<void> => {
    ms += wantedMs
    if (ms < totalMs) return
    resolve()
    await new Promise<void>((end) => signal?.addEventListener('abort', () => end()))
  }
  return { now: () => NOON, monotonicMs: () => ms, sleep, over }
}

test('the scheduler ticks even when cron waits because the machine’s clock was set back', async () => {
  let wakes = 0
  const jobs = {
    wake: async () => {
      wakes += 1
    },
  }
  const clock = passing(90_000)
  const scheduler = await startScheduler(db, jobs, pino({ level: 'silent' }), clock)
  const first = wakes
  await clock.over
  expect(wakes).toBeGreaterThanOrEqual(2 * first)
  await scheduler.stop()
})
