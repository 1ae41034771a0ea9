import { expect, test } from 'vitest'
import { clockFrom } from '../../src/clock.ts'
import { sendEdition } from '../../src/delivery/worker.ts'
import { countDeliveries } from '../../src/editions/reports/counts.ts'
import { freshDatabase, freshSinks } from '../support/fresh.ts'
import { planByHand } from '../support/planned.ts'
import { senderTo } from '../support/sender.ts'
import type { Sink } from '../support/smtp.ts'
import { countStatements } from '../support/statements.ts'
import { makeWorld, NOON } from '../support/world.ts'

const { db, pool } = await freshDatabase()
const sink = freshSinks()
const counted = countStatements(pool)

/** Plans and sends to readers in two locales with three choices of topics, and counts statements. */
async function run(smtp: Sink, slug: string, readers: number) {
  const world = await makeWorld(db, slug)
  const topics = [await world.addTopic('Sport'), await world.addTopic('Kultur')]
  for (const locale of ['de', 'en'] as const)
    for (const picked of [[], topics.slice(0, 1), topics])
      await world.addReaders(readers / 6, { locale, topics: picked })
  for (const topic of topics) await world.addArticles(4, [topic])
  const clock = clockFrom(NOON)
  const planning = await counted.count((by) => planByHand(by, world, clock))
  const editionId = planning.result
  const sender = await senderTo(`${smtp.url}?connections=10`)
  const sending = await counted.count((by) => sendEdition(by, sender, editionId, clock))
  // These commit acknowledgements.
  const acknowledging = sending.statements.filter((statement) => statement.includes('jsonb_to_recordset')).length
  const variants = await pool.query('select count(*) as n from variant where edition_id = $1', [editionId])
  return {
    planning: planning.statements.length,
    sending: sending.statements.length - acknowledging,
    acknowledging,
    variants: variants.rows[0].n,
    counts: await countDeliveries(db, editionId),
  }
}

test('statements grow with chunks of readers, not with readers', { timeout: 60_000 }, async () => {
  const smtp = await sink()
  const few = await run(smtp, 'wenige', 60)
  const many = await run(smtp, 'viele', 600)
  expect(few.counts.sent).toBe(60)
  expect(many.counts.sent).toBe(600)
  expect(many.variants).toBeLessThanOrEqual(6)
  expect(many.planning).toBe(few.planning)
  // Twelve chunks of 50 instead of two, and two batches instead of one.
  expect(many.sending - few.sending).toBeLessThanOrEqual(24)
  // An acknowledgement is committed before its connection goes on: most of ten connections share a commit.
  expect(many.acknowledging).toBeLessThan(600 / 4)
})
