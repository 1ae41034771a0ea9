import { pino } from 'pino'
import { expect, test } from 'vitest'
import { type Claimed, claimDue } from '../../src/delivery/claim.ts'
import { leaseBatch } from '../../src/delivery/lease.ts'
import { FRESH_MS, ReaderCheck } from '../../src/delivery/reader-check.ts'
import { handClock } from '../support/clock.ts'
import { freshDatabase } from '../support/fresh.ts'
import { hookStatements } from '../support/hooked.ts'
import { planByHand } from '../support/planned.ts'
import { makeWorld, NOON } from '../support/world.ts'

const { db, pool } = await freshDatabase()

/** Two deliveries of one edition, as a worker claims them. */
async function claimTwo(): Promise<readonly [Claimed, Claimed]> {
  const world = await makeWorld(db)
  await world.addReaders(2)
  await world.addArticles(1)
  const clock = handClock(NOON)
  const lease = await leaseBatch(db, 'worker', await planByHand(db, world, clock), clock.now())
  const [one, other] = lease === null ? [] : await claimDue(db, lease, 2, clock.now())
  if (one === undefined || other === undefined) throw new Error('nothing is due')
  return [one, other]
}

test('a delivery that is claimed while others are read again keeps the state its own claim returned', async () => {
  const [early, late] = await claimTwo()
  const clock = handClock(NOON)
  const ready = [early]
  const refused: Claimed = { ...late, skip: { may: false, state: 'skipped', reason: 'unsubscribed' } }
  const claimMeanwhile = async (_: string, run: () => Promise<unknown>) => {
    const answer = await run()
    ready.push(refused)
    check.note([refused], clock.monotonicMs())
    return answer
  }
  const check = new ReaderCheck(hookStatements(pool, claimMeanwhile), clock, pino({ level: 'silent' }), () => ready)
  check.note([early], clock.monotonicMs())
  clock.advance({ milliseconds: FRESH_MS + 1 })
  expect(await check.whySkip(early)).toBeNull()
  expect(ready).toContain(refused)
  expect(await check.whySkip(refused)).toEqual(refused.skip)
})
