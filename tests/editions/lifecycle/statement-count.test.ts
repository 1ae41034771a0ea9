import { expect, test } from 'vitest'
import { cancelEdition } from '../../../src/editions/lifecycle/cancel.ts'
import { withdrawArticles } from '../../../src/editions/lifecycle/withdraw-articles.ts'
import { countDeliveries } from '../../../src/editions/reports/counts.ts'
import { handClock } from '../../support/clock.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { planByHand } from '../../support/planned.ts'
import { countStatements } from '../../support/statements.ts'
import { makeWorld, NOON } from '../../support/world.ts'

const { db, pool } = await freshDatabase()
const counted = countStatements(pool)
const clock = handClock(NOON)

/** Hides an article of an edition for this many readers, then cancels it, and counts the statements of each. */
async function run(slug: string, readers: number) {
  const world = await makeWorld(db, slug)
  await world.addReaders(readers)
  const entries = await world.addArticles(2)
  const editionId = await planByHand(db, world, clock)
  const hiding = await counted.count((by) => withdrawArticles(by, entries.slice(0, 1), 'hidden', clock))
  const cancelling = await counted.count((by) => cancelEdition(by, editionId, clock))
  const { cancelled } = await countDeliveries(db, editionId)
  return { hiding: hiding.statements.length, cancelling: cancelling.statements.length, cancelled }
}

test('hiding and cancelling take as many statements for many readers as for few', async () => {
  const few = await run('wenige', 10)
  const many = await run('viele', 2000)
  expect([few.cancelled, many.cancelled]).toEqual([10, 2000])
  expect(many.hiding).toBe(few.hiding)
  expect(many.cancelling).toBe(few.cancelling)
  expect(few.hiding).toBeLessThan(40)
})
