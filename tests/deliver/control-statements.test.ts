import { drizzle } from 'drizzle-orm/node-postgres'
import { afterAll, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/client.ts'
import { cancelEdition } from '../../src/deliver/control/cancel.ts'
import { countEdition } from '../../src/deliver/counts.ts'
import { orderByHand } from '../../src/deliver/plan/order.ts'
import { planEdition } from '../../src/deliver/plan.ts'
import { withdrawArticles } from '../../src/deliver/withdraw.ts'
import { handClock } from '../support/clock.ts'
import { copyDatabase } from '../support/database.ts'
import { makeWorld, NOON } from '../support/world.ts'

const { url, remove } = await copyDatabase()
const opened = await openDatabase(url)
afterAll(async () => {
  await opened.close()
  remove()
})

let statements = 0
const logQuery = () => {
  statements += 1
}
const db = drizzle(opened.pool, { casing: 'snake_case', logger: { logQuery } })
const clock = handClock(NOON)

async function count(work: () => Promise<unknown>): Promise<number> {
  const before = statements
  await work()
  return statements - before
}

/** Hides an article of an edition for so many readers, then cancels it, and counts the statements of each. */
async function run(slug: string, readers: number) {
  const world = await makeWorld(opened.db, slug)
  await world.addReaders(readers)
  const entries = await world.addArticles(2)
  const plan = await planEdition(opened.db, orderByHand(world.newsletterId, null, null), clock)
  const editionId = plan.edition?.id ?? 0
  const hiding = await count(() => withdrawArticles(db, entries.slice(0, 1), 'hidden', clock))
  const cancelling = await count(() => cancelEdition(db, editionId, clock))
  return { hiding, cancelling, cancelled: (await countEdition(opened.db, editionId)).cancelled }
}

test('hiding and cancelling take as many statements for many readers as for few', async () => {
  const few = await run('wenige', 10)
  const many = await run('viele', 2000)
  expect([few.cancelled, many.cancelled]).toEqual([10, 2000])
  expect(many.hiding).toBe(few.hiding)
  expect(many.cancelling).toBe(few.cancelling)
  expect(few.hiding).toBeLessThan(40)
})
