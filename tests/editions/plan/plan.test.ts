import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { dryRunPlan } from '../../../src/editions/plan/dry-run.ts'
import { planEdition } from '../../../src/editions/plan/plan.ts'
import { makeManualRequest } from '../../../src/editions/plan-request.ts'
import { countDeliveries } from '../../../src/editions/reports/counts.ts'
import { handClock } from '../../support/clock.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { makeWorld, NOON, type World } from '../../support/world.ts'

const { db } = await freshDatabase()
const clock = handClock(NOON)
/** Plans by hand what is new to all readers, or to one; a key identifies the edition. */
const planNow = (world: World, key: string | null = null, onlySubscriptionId: number | null = null) =>
  planEdition(db, makeManualRequest(world.newsletterId, key, onlySubscriptionId), clock)

const deliveries = async () => {
  const rows = await db.execute<{ email: string; entries: number[]; state: string; edition: number }>(sql`
    select p.email, v.entry_ids as entries, d.state, d.edition_id as edition
    from delivery d join variant v on v.id = d.variant_id join subscriber p on p.id = d.subscriber_id order by d.edition_id, d.seq`)
  return rows.rows
}

describe('planning by hand', () => {
  test('gives every active reader what is new, newest first, and a second plan finds nothing', async () => {
    const world = await makeWorld(db)
    await world.addReaders(2)
    const entries = await world.addArticles(3)
    const plan = await planNow(world)
    expect(plan.created).toBe(true)
    const rows = await deliveries()
    expect(rows.map((row) => row.entries)).toEqual([[...entries].reverse(), [...entries].reverse()])
    const again = await planNow(world)
    expect(again).toEqual({ edition: null, created: false })
    expect(await deliveries()).toHaveLength(2)
  })

  test('gives only the new article to readers who have the others', async () => {
    const world = await makeWorld(db)
    await world.addReaders(1)
    await world.addArticles(3)
    await planNow(world)
    await db.execute(sql`update delivery set state = 'sent'`)
    const [late] = await world.addArticles(1)
    await planNow(world)
    expect((await deliveries()).at(-1)?.entries).toEqual([late])
  })

  test('uses one variant for readers with the same selection', async () => {
    const world = await makeWorld(db)
    const economy = await world.addTopic('Wirtschaft')
    const sport = await world.addTopic('Sport')
    await world.addArticles(2, [economy])
    await world.addReaders(3)
    await world.addReaders(3, { topics: [economy] })
    await world.addReaders(3, { topics: [economy, sport] })
    await world.addReaders(3, { topics: [sport] })
    await world.addReaders(1, { locale: 'en' })
    const plan = await planNow(world)
    const counts = await countDeliveries(db, plan.edition?.id ?? 0)
    expect(counts.planned).toBe(10)
    const variants = await db.execute(sql`select * from variant`)
    expect(variants.rows).toHaveLength(2)
  })

  test('leaves out readers who may not be mailed, and keeps what they have not seen', async () => {
    const world = await makeWorld(db)
    await world.addArticles(1)
    await world.addReaders(1, { state: 'pending' })
    await world.addReaders(1, { state: 'paused', seenEntryId: 0 })
    await world.addReaders(1, { state: 'unsubscribed' })
    const [suppressed] = await world.addReaders(1)
    await db.execute(sql`insert into suppression (email_hash, reason, created_at)
      select p.email_hash, 'manual', now() from subscription s join subscriber p on p.id = s.subscriber_id where s.id = ${suppressed ?? 0}`)
    await planNow(world)
    expect(await deliveries()).toEqual([])
    await db.execute(sql`delete from suppression`)
    await planNow(world)
    expect(await deliveries()).toHaveLength(1)
  })

  test('plans the home variant for the archive even without readers', async () => {
    const world = await makeWorld(db)
    await world.addArticles(1)
    const plan = await planNow(world)
    const rows = await db.execute(
      sql`select state, home, variant_count from edition where id = ${plan.edition?.id ?? 0}`,
    )
    expect(rows.rows).toEqual([{ state: 'finished', home: true, variant_count: 1 }])
  })

  test('takes over an unsent delivery only when something newer matches that reader', async () => {
    const world = await makeWorld(db)
    const sport = await world.addTopic('Sport')
    const [first] = await world.addArticles(1, [sport])
    await world.addReaders(1)
    await world.addReaders(1, { topics: [sport] })
    await planNow(world)
    const [second] = await world.addArticles(1)
    const plan = await planNow(world)
    const rows = await deliveries()
    expect(rows.map((row) => [row.state, row.entries])).toEqual([
      ['superseded', [first]],
      ['queued', [first]],
      ['queued', [second, first]],
    ])
    expect((await countDeliveries(db, rows[0]?.edition ?? 0)).superseded).toBe(1)
    expect((await countDeliveries(db, plan.edition?.id ?? 0)).queued).toBe(1)
  })

  test('a deferred delivery that is taken over keeps its attempts and its retry time', async () => {
    const world = await makeWorld(db)
    await world.addArticles(1)
    await world.addReaders(1)
    await planNow(world)
    await db.execute(
      sql`update delivery set state = 'deferred', attempts = 3, retry_at = ${NOON.add({ hours: 1 }).toString()}`,
    )
    await db.execute(sql`update batch set deferred = 1, due_at = ${NOON.add({ hours: 1 }).toString()}`)
    await world.addArticles(1)
    await planNow(world)
    const rows = await db.execute(sql`select d.state, d.attempts, s.deferred, s.superseded, s.due_at is null as ended
      from delivery d join batch s on s.edition_id = d.edition_id order by d.edition_id`)
    expect(rows.rows).toEqual([
      { state: 'superseded', attempts: 3, deferred: 0, superseded: 1, ended: true },
      { state: 'deferred', attempts: 3, deferred: 1, superseded: 0, ended: false },
    ])
  })

  test('the same key means the same edition, and a plan whose planner died continues', async () => {
    const world = await makeWorld(db)
    await world.addArticles(2)
    await world.addReaders(2)
    const other = await world.addCohort('Asia/Tokyo', 7)
    await world.addReaders(2, { cohortId: other })
    const first = await planNow(world, 'k1')
    await world.addArticles(1)
    const again = await planNow(world, 'k1')
    expect(again).toEqual({ edition: { ...first.edition, state: 'sending' }, created: false })
    // as if the planner had died before the second cohort
    await db.execute(
      sql`delete from delivery where subscription_id in (select id from subscription where cohort_id = ${other})`,
    )
    await db.execute(sql`update cohort set seen_entry_id = 0 where id = ${other}`)
    await db.execute(sql`delete from batch`)
    await db.execute(
      sql`insert into batch (edition_id, from_seq, to_seq, due_at) select edition_id, 1, 2, now() from delivery limit 1`,
    )
    await db.execute(sql`update delivery set seq = -seq`)
    await db.execute(
      sql`update delivery d set seq = n.rank from (select subscriber_id, row_number() over (order by seq) as rank from delivery) n where n.subscriber_id = d.subscriber_id`,
    )
    await db.execute(sql`update edition set state = 'planning', planned_at = null`)
    const resumed = await planNow(world, 'k1')
    expect(resumed.edition?.id).toBe(first.edition?.id)
    const rows = await deliveries()
    expect(rows).toHaveLength(4)
    expect(rows.every((row) => row.entries.length === 2)).toBe(true)
  })

  test('an edition for one reader moves only the watermark of that reader', async () => {
    const world = await makeWorld(db)
    const [one] = await world.addReaders(2)
    await world.addArticles(1)
    await planNow(world, null, one ?? 0)
    expect(await deliveries()).toHaveLength(1)
    await planNow(world)
    expect(await deliveries()).toHaveLength(2)
    const own = await db.execute(sql`select count(*) as own from subscription where seen_entry_id is not null`)
    expect(own.rows).toEqual([{ own: 0 }])
  })

  test('a dry run counts what the plan would write, and keeps nothing', async () => {
    const world = await makeWorld(db)
    await world.addReaders(3)
    await world.addArticles(2)
    const order = makeManualRequest(world.newsletterId, null, null)
    expect(await dryRunPlan(db, order, clock)).toMatchObject({ planned: 3, articles: 2, variants: 1 })
    expect(await deliveries()).toEqual([])
    expect((await planEdition(db, order, clock)).created).toBe(true)
  })

  test('two planners with one key create one edition with each reader once', async () => {
    const world = await makeWorld(db)
    await world.addReaders(5)
    await world.addArticles(2)
    const order = makeManualRequest(world.newsletterId, 'once', null)
    const plans = await Promise.all([1, 2, 3].map(() => planEdition(db, order, clock)))
    expect(new Set(plans.map((plan) => plan.edition?.id)).size).toBe(1)
    expect(plans.filter((plan) => plan.created)).toHaveLength(1)
    expect(await deliveries()).toHaveLength(5)
  })
})
