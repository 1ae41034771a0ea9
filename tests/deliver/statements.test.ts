import { drizzle } from 'drizzle-orm/node-postgres'
import { afterAll, expect, test } from 'vitest'
import { clockFrom } from '../../src/clock.ts'
import { openDatabase } from '../../src/db/client.ts'
import { countEdition } from '../../src/deliver/counts.ts'
import { orderByHand } from '../../src/deliver/plan/order.ts'
import { planEdition } from '../../src/deliver/plan.ts'
import { sendEdition } from '../../src/deliver/send.ts'
import { copyDatabase } from '../support/database.ts'
import { senderTo } from '../support/sender.ts'
import { startSink } from '../support/smtp.ts'
import { makeWorld, NOON } from '../support/world.ts'

const { url, remove } = await copyDatabase()
const opened = await openDatabase(url)
const smtp = await startSink()
afterAll(async () => {
  await smtp.close()
  await opened.close()
  remove()
})

/** Statements so far, and those among them that commit acknowledgements. */
let statements = 0
let acknowledging = 0
const logQuery = (query: string) => {
  statements += 1
  if (query.includes('jsonb_to_recordset')) acknowledging += 1
}
const db = drizzle(opened.pool, { casing: 'snake_case', logger: { logQuery } })

async function count<T>(work: () => Promise<T>): Promise<{ result: T; statements: number; acknowledging: number }> {
  const before = { statements, acknowledging }
  const result = await work()
  return { result, statements: statements - before.statements, acknowledging: acknowledging - before.acknowledging }
}

/** Plans and sends to readers in two locales with three choices of topics, and counts statements. */
async function run(slug: string, readers: number) {
  const world = await makeWorld(opened.db, slug)
  const topics = [await world.addTopic('Sport'), await world.addTopic('Kultur')]
  for (const locale of ['de', 'en'] as const)
    for (const picked of [[], topics.slice(0, 1), topics])
      await world.addReaders(readers / 6, { locale, topics: picked })
  for (const topic of topics) await world.addArticles(4, [topic])
  const clock = clockFrom(NOON)
  const planning = await count(() => planEdition(db, orderByHand(world.newsletterId, null, null), clock))
  const editionId = planning.result.edition?.id ?? 0
  const sender = await senderTo(`${smtp.url}?connections=10`)
  const sending = await count(() => sendEdition(db, sender, editionId, clock))
  const variants = await opened.pool.query('select count(*) as n from variant where edition_id = $1', [editionId])
  return {
    planning: planning.statements,
    sending: sending.statements - sending.acknowledging,
    acknowledging: sending.acknowledging,
    variants: variants.rows[0].n,
    counts: await countEdition(opened.db, editionId),
  }
}

test('statements grow with chunks of readers, not with readers', async () => {
  const few = await run('wenige', 60)
  const many = await run('viele', 600)
  expect(few.counts.sent).toBe(60)
  expect(many.counts.sent).toBe(600)
  expect(many.variants).toBeLessThanOrEqual(6)
  expect(many.planning).toBe(few.planning)
  // Twelve chunks of 50 instead of two, and two shares instead of one.
  expect(many.sending - few.sending).toBeLessThanOrEqual(24)
  // An acknowledgement is committed before its connection goes on: half of ten connections share a commit.
  expect(many.acknowledging).toBeLessThan(600 / 3)
})
