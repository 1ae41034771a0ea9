import { sql } from 'drizzle-orm'
import type { Clock } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import { claimDue } from '../../src/delivery/claim.ts'
import { leaseBatch } from '../../src/delivery/lease.ts'
import { dryRunPlan } from '../../src/editions/plan/dry-run.ts'
import { planEdition } from '../../src/editions/plan/plan.ts'
import { makeManualRequest } from '../../src/editions/plan-request.ts'
import { planDue } from '../../src/scheduler/plan-due.ts'
import { sendAll } from '../scheduler/newsletter-fixtures.ts'
import { planByHand } from '../support/planned.ts'
import { makeWorld, NOON } from '../support/world.ts'
import { addArticles } from './articles.ts'
import { judgeBatches, judgeEntries } from './promises.ts'
import { PAST_LEASE, type Scenario } from './scenario.ts'
import type { System } from './system.ts'

/** Two slices: planning cuts at 100,000 readers. */
const PRETENDED_MEMBERS = 60_000
const READERS = { home: 5, late: 4, plain: 3, missed: 1 }
const ALL_READERS = READERS.home + READERS.late + READERS.plain + READERS.missed
const FIRST_ARTICLES = 2
const MORE_ARTICLES = 3

/** Three cohorts in two languages; the first edition is on its way when there is more to plan. */
const prepareWorld = ({ db, rowsOf }: System) =>
  rowsOf('planning', async (noon) => {
    const world = await makeWorld(db)
    const { newsletterId } = world
    const late = await world.addCohort('Etc/UTC', 12)
    const plain = await world.addCohort('Europe/Berlin', 14, 'weekdays')
    const missed = await world.addCohort('Etc/UTC', 4)
    await world.addCohort('Etc/UTC', 12, 'monthly')
    // At noon it is two o'clock in Berlin.
    await db.execute(sql`update cohort set hour = 14 where id = ${world.cohortId}`)
    await world.addReaders(READERS.home)
    await world.addReaders(READERS.late, { cohortId: late, locale: 'en' })
    await world.addReaders(READERS.plain, { cohortId: plain, format: 'plain' })
    await world.addReaders(READERS.missed, { cohortId: missed })
    await addArticles(db, FIRST_ARTICLES)
    await claimSome(db, await planByHand(db, world, noon), noon)
    await addArticles(db, MORE_ARTICLES)
    await db.execute(sql`update cohort set members = ${PRETENDED_MEMBERS} where id in (${world.cohortId}, ${plain})`)
    return { newsletterId, missed }
  })

/** A worker has claimed a few deliveries, and its lease lasts for another two seconds: it is waited for. */
async function claimSome(db: Database, editionId: number, { now }: Clock): Promise<void> {
  const lease = await leaseBatch(db, 'another worker', editionId, now())
  if (lease === null) throw new Error('there is nothing to lease')
  await claimDue(db, lease, 2, now())
  await db.execute(
    sql`update batch set lease_until = ${now().toString()}::timestamptz + interval '2 s' where id = ${lease.batchId}`,
  )
}

/** The partition of the next edition's deliveries is yet to be made. */
async function dropPartition(db: Database): Promise<void> {
  await db.execute(sql`drop table if exists delivery_7`)
  await db.execute(sql`select setval('edition_id_seq', 6999)`)
}

const planningByHand: Scenario = {
  name: 'planning by hand',
  prepare: async (system) => {
    const { db, clock } = system
    const world = await prepareWorld(system)
    await dropPartition(db)
    const order = makeManualRequest(world.newsletterId, 'morning', null)
    const plan = () => planEdition(db, order, clock)
    const planNext = () => planByHand(db, world, clock)
    return {
      work: async () => {
        await plan()
      },
      judge: async ({ left }) => {
        const broken = left ? [] : [...(await judgePlanned(db))]
        clock.skip(PAST_LEASE)
        // Who comes after a planner that gave up plans without its key, and opens what it had begun.
        // Those in doubt are planned once their first edition is sent.
        for (const next of [left ? planNext : plan, planNext]) {
          await next()
          broken.push(...(await judgeBatches(system)))
          await sendAll(db)
        }
        return [...broken, ...(await judgeEntries(db, ALL_READERS, FIRST_ARTICLES + MORE_ARTICLES))]
      },
    }
  },
}

/** Planning that says nothing of a failure has planned everybody who is not in doubt. */
async function judgePlanned(db: Database): Promise<readonly string[]> {
  const found = await db.execute<{ state: string; rows: number }>(sql`
    select state, (select count(*) from delivery d where d.edition_id = e.id) as rows
    from edition e order by id desc limit 1`)
  const [edition] = found.rows
  const planned = ALL_READERS - 2
  if (edition?.state === 'sending' && edition.rows === planned) return []
  return [`the edition is ${edition?.state} with ${edition?.rows} deliveries instead of sending with ${planned}`]
}

/** Slots of two frequencies, one with slots before it that were missed, one missed altogether, one with nobody in it. */
const planningSlots: Scenario = {
  name: 'planning what is due',
  prepare: async (system) => {
    const { db, clock, sender, log } = system
    const { missed } = await prepareWorld(system)
    const due = NOON.toString()
    await db.execute(sql`
      update cohort set next_due_at = case
        when home then ${due}::timestamptz - interval '2 days'
        when id = ${missed} then ${due}::timestamptz - interval '8 hours'
        else ${due}::timestamptz end`)
    const plan = () => planDue(db, { sender, log }, clock)
    return {
      work: async () => {
        const { waiting } = await plan()
        if (waiting[0] !== undefined) throw new Error(waiting[0].reason)
        if (system.events.includes('newsletter.plan_failed'))
          throw new Error('planted: the log says what was not planned')
      },
      judge: async ({ left }) => {
        const broken = left ? [] : [...(await judgeDue(db, clock.now().toString()))]
        // The next tick, and those of the next day's slots: at four and at noon.
        for (const later of [PAST_LEASE, { hours: 16 }, { hours: 8 }]) {
          clock.skip(later)
          await plan()
          broken.push(...(await judgeBatches(system)))
          await sendAll(db)
        }
        broken.push(...(await judgeSlots(db)))
        return [...broken, ...(await judgeEntries(db, ALL_READERS, FIRST_ARTICLES + MORE_ARTICLES))]
      },
    }
  },
}

/** Planning that says nothing of a failure has moved every cohort on. */
async function judgeDue(db: Database, at: string): Promise<readonly string[]> {
  const found = await db.execute<{ what: string }>(sql`
    select 'cohort ' || id || ' is still due' as what from cohort where next_due_at <= ${at}
    union all
    select 'edition ' || id || ' is ' || state from edition where state not in ('sending', 'finished', 'missed')`)
  return found.rows.map(({ what }) => what)
}

async function judgeSlots(db: Database): Promise<readonly string[]> {
  const found = await db.execute<{ what: string }>(sql`
    select 'edition ' || id || ' is ' || state || ': ' || coalesce(reason, '') as what from edition
    where state not in ('finished', 'missed')
    union all
    select 'the slot ' || slot_at || ' was missed' from edition
    where state = 'missed' and (frequency, slot_at) in (('daily', ${NOON.toString()}), ('weekdays', ${NOON.toString()}))
    union all
    select 'a missed slot was not recorded: there are ' || count(*) from edition where state = 'missed' having count(*) < 3`)
  return found.rows.map(({ what }) => what)
}

const dryRunning: Scenario = {
  name: 'saying what a sending would send',
  prepare: async (system) => {
    const { db, clock } = system
    const world = await prepareWorld(system)
    clock.skip(PAST_LEASE)
    const before = await dumpPlan(db)
    return {
      work: async () => {
        const { planned } = await dryRunPlan(db, makeManualRequest(world.newsletterId, null, null), clock)
        if (planned !== ALL_READERS - 2) throw new Error(`planned are said to be ${planned}`)
      },
      judge: async () => ((await dumpPlan(db)) === before ? [] : ['what was only to be counted was changed']),
    }
  },
}

async function dumpPlan(db: Database): Promise<string> {
  const found = await db.execute(sql`
    select (select jsonb_agg(to_jsonb(e) order by e.id) from edition e) as editions,
      (select jsonb_agg(to_jsonb(d) order by d.edition_id, d.seq) from delivery d) as deliveries,
      (select jsonb_agg(to_jsonb(s) order by s.id) from batch s) as batches,
      (select jsonb_agg(to_jsonb(c) order by c.id) from cohort c) as cohorts`)
  return JSON.stringify(found.rows)
}

/** All ways of planning. */
export const PLANNING: readonly Scenario[] = [planningByHand, planningSlots, dryRunning]
