import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { Temporal } from '../../../src/clock.ts'
import { leaseBatch } from '../../../src/delivery/lease.ts'
import { sendEdition } from '../../../src/delivery/worker.ts'
import { recordMissedSlots } from '../../../src/editions/plan/missed.ts'
import { planEdition } from '../../../src/editions/plan/plan.ts'
import { makeManualRequest, makeSlotRequest } from '../../../src/editions/plan-request.ts'
import { recallBatches } from '../../../src/editions/recall.ts'
import { countDeliveries } from '../../../src/editions/reports/counts.ts'
import { fastClock, handClock } from '../../support/clock.ts'
import { freshDatabase, freshSinks } from '../../support/fresh.ts'
import { hookStatements } from '../../support/hooked.ts'
import { planByHand } from '../../support/planned.ts'
import { senderTo } from '../../support/sender.ts'
import { makeWorld, NOON } from '../../support/world.ts'

const { db, pool } = await freshDatabase()
const sink = freshSinks()
const SLOT = Temporal.Instant.from('2026-05-04T05:00:00Z')

async function makeDue() {
  const world = await makeWorld(db)
  await world.addReaders(3)
  await world.addArticles(2)
  await db.execute(sql`update cohort set next_due_at = ${SLOT.toString()}`)
  const slot = { frequency: 'daily', at: SLOT } as const
  return { world, slot, order: makeSlotRequest({ id: world.newsletterId, minArticles: 1 }, slot, [world.cohortId]) }
}

const watermark = async () => (await db.execute(sql`select seen_entry_id from cohort`)).rows

test('a slot that is recorded as missed while it is planned gets no delivery and moves no watermark', async () => {
  const { world, slot, order } = await makeDue()
  const insertMissed = `insert into edition (public_id, newsletter_id, frequency, slot_at, state, bound_entry_id, nonce, created_at)
    values ('missed', ${world.newsletterId}, 'daily', '${SLOT}', 'missed', 0, '', '${SLOT}')`
  let overtaken = 0
  const racing = hookStatements(pool, async (text, run, ask) => {
    // The insert itself sees another scheduler's record, and every later statement does.
    if (/^begin/.test(text) && overtaken === 1) {
      overtaken += 1
      await recordMissedSlots(db, world.newsletterId, [slot], 'late', SLOT)
    }
    if (/insert into edition\s/.test(text) && overtaken === 0) {
      overtaken += 1
      await ask(insertMissed)
    }
    return run()
  })

  const { edition, created } = await planEdition(racing, order, handClock(SLOT))

  expect(overtaken).toBe(2)
  expect({ state: edition?.state, created }).toEqual({ state: 'missed', created: false })
  expect(await countDeliveries(db, edition?.id ?? 0)).toMatchObject({ planned: 0 })
  expect(await watermark()).toEqual([{ seen_entry_id: 0 }])
})

describe('a plan whose connection is lost at the commit', () => {
  test.each(['by hand', 'for a slot'])('continues and is not made a second time: %s', async (kind) => {
    const { world, order } = await makeDue()
    let lost = 0
    const failing = hookStatements(pool, async (text, run) => {
      const answer = await run()
      if (text === 'commit' && lost === 0) {
        lost += 1
        throw Object.assign(new Error('terminating connection'), { code: '57P01' })
      }
      return answer
    })
    const wanted = kind === 'by hand' ? makeManualRequest(world.newsletterId, null, null) : order
    const { edition, created } = await planEdition(failing, wanted, fastClock(SLOT, 20))
    expect(lost).toBe(1)
    expect({ state: edition?.state, created }).toEqual({ state: 'sending', created: true })
    expect(await countDeliveries(db, edition?.id ?? 0)).toMatchObject({ planned: 3, queued: 3 })
    expect((await db.execute(sql`select count(*) as n from edition`)).rows).toEqual([{ n: 1 }])
  })
})

test('a planner that waits for a recall writes each batch once, not at every poll', async () => {
  const { world } = await makeDue()
  await planByHand(db, world)
  await leaseBatch(db, 'slow', null, NOON)
  const written = async () => (await db.execute(sql`select xmin::text as by, recalled_until from batch`)).rows
  await recallBatches(db, world.newsletterId, NOON)
  const first = await written()
  for (let second = 1; second < 30; second += 1)
    await recallBatches(db, world.newsletterId, NOON.add({ seconds: second }))
  expect(await written()).toEqual(first)
  await recallBatches(db, world.newsletterId, NOON.add({ seconds: 31 }))
  expect(await written()).not.toEqual(first)
})

test('a delivery is given up 48 hours after its slot, however late its edition was created', async () => {
  const { order } = await makeDue()
  const madeAt = SLOT.add({ hours: 5 })
  const { edition } = await planEdition(db, order, handClock(madeAt))
  const smtp = await sink({ reply: '451 4.3.0 later' })
  const sender = await senderTo(`${smtp.url}?connections=1`)
  const id = edition?.id ?? 0
  await sendEdition(db, sender, id, handClock(SLOT.add({ hours: 47, minutes: 50 })))
  expect(await countDeliveries(db, id)).toMatchObject({ deferred: 3 })
  await sendEdition(db, sender, id, handClock(SLOT.add({ hours: 48, minutes: 1 })))
  expect(await countDeliveries(db, id)).toMatchObject({ failed: 3, deferred: 0 })
})
