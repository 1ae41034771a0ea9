import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { clockFrom } from '../../../src/clock.ts'
import { claimDue } from '../../../src/delivery/claim.ts'
import { leaseBatch } from '../../../src/delivery/lease.ts'
import { cancelEdition } from '../../../src/editions/lifecycle/cancel.ts'
import { pauseEdition, resumeEdition } from '../../../src/editions/lifecycle/pause-resume.ts'
import { withdrawArticles } from '../../../src/editions/lifecycle/withdraw-articles.ts'
import { planEdition } from '../../../src/editions/plan/plan.ts'
import { makeManualRequest } from '../../../src/editions/plan-request.ts'
import { countDeliveries } from '../../../src/editions/reports/counts.ts'
import { CourantError } from '../../../src/errors.ts'
import { openSequentialSends } from '../../delivery/sequential-sends.ts'
import { handClock } from '../../support/clock.ts'
import { freshDatabase, freshSinks } from '../../support/fresh.ts'
import { planByHand } from '../../support/planned.ts'
import type { Sink } from '../../support/smtp.ts'
import { makeWorld, NOON, type World } from '../../support/world.ts'

const { db } = await freshDatabase()
const sink = freshSinks()
const { send } = openSequentialSends(db)
const clock = handClock(NOON)
const plan = (world: World) => planByHand(db, world)

/** A newsletter with this many readers, and its planned edition of three articles. */
async function planned(readers: number): Promise<{ world: World; edition: number }> {
  const world = await makeWorld(db)
  await world.addReaders(readers)
  await world.addArticles(3)
  return { world, edition: await plan(world) }
}

const readEdition = async (id: number) => {
  const rows = await db.execute<{ state: string; reason: string | null; home: boolean }>(
    sql`select state, reason, home from edition where id = ${id}`,
  )
  return rows.rows[0]
}
const recipients = (smtp: Sink) => smtp.messages.map((message) => message.to).sort()

describe('pausing', () => {
  test('in the middle of a send finishes what was claimed and claims no more; resumed, the rest follows, to no reader twice', async () => {
    const { edition } = await planned(120)
    const smtp = await sink()
    smtp.hold()
    const sending = send(smtp, edition)
    await smtp.received(2)
    await pauseEdition(db, edition)
    smtp.release()
    await sending
    const paused = await countDeliveries(db, edition)
    expect(paused).toMatchObject({ planned: 120, sending: 0, queued: 120 - paused.sent })
    expect(paused.sent).toBeLessThanOrEqual(50)
    expect(await readEdition(edition)).toMatchObject({ state: 'paused' })
    await send(smtp, edition)
    expect(smtp.messages).toHaveLength(paused.sent)

    await resumeEdition(db, edition, NOON)
    await send(smtp, edition)
    expect(new Set(recipients(smtp)).size).toBe(120)
    expect(smtp.messages).toHaveLength(120)
    expect(await readEdition(edition)).toMatchObject({ state: 'finished', reason: null })
  })

  test('during planning lets the plan be written, and sends nothing before it is resumed', async () => {
    const { edition } = await planned(3)
    await db.execute(sql`update edition set state = 'planning', planned_at = null, home = false, variant_count = 0`)
    await pauseEdition(db, edition)
    const smtp = await sink()
    await send(smtp, edition)
    expect(smtp.messages).toEqual([])
    await resumeEdition(db, edition, NOON)
    const rows = await db.execute(
      sql`select state, home, variant_count, article_count, planned_at is not null as planned from edition`,
    )
    expect(rows.rows).toEqual([{ state: 'sending', home: true, variant_count: 1, article_count: 3, planned: true }])
  })

  test.each(['finished', 'cancelled', 'missed', 'paused', 'held'])(
    'an edition that is %s is an error that names its state',
    async (state) => {
      const { edition } = await planned(1)
      await db.execute(sql`update edition set state = ${state}`)
      await expect(pauseEdition(db, edition)).rejects.toMatchObject({
        code: 'edition.state',
        message: expect.stringContaining(`is ${state}.`),
      })
      expect(await readEdition(edition)).toMatchObject({ state })
    },
  )

  test('an unknown edition is an error', async () => {
    const unknown = { code: 'edition.unknown' }
    await expect(pauseEdition(db, 77)).rejects.toMatchObject(unknown)
    await expect(resumeEdition(db, 77, NOON)).rejects.toMatchObject(unknown)
    await expect(cancelEdition(db, 77, clock)).rejects.toMatchObject(unknown)
  })
})

describe('resuming', () => {
  test('continues a held edition after its template was fixed', async () => {
    const { edition } = await planned(2)
    await db.execute(sql`update edition set state = 'held', reason = 'Template digest does not render.'`)
    await resumeEdition(db, edition, NOON)
    const smtp = await sink()
    await send(smtp, edition)
    expect(smtp.messages).toHaveLength(2)
  })

  test('an edition with nothing left to send finishes it', async () => {
    const { edition } = await planned(1)
    await pauseEdition(db, edition)
    await db.execute(sql`update delivery set state = 'sent'`)
    await db.execute(sql`update batch set due_at = null, sent = 1`)
    await resumeEdition(db, edition, NOON)
    expect(await readEdition(edition)).toMatchObject({ state: 'finished' })
  })

  test.each(['sending', 'finished', 'cancelled', 'missed'])(
    'an edition that is %s is an error that names its state',
    async (state) => {
      const { edition } = await planned(1)
      await db.execute(sql`update edition set state = ${state}`)
      await expect(resumeEdition(db, edition, NOON)).rejects.toThrow(`is ${state}.`)
    },
  )
})

describe('cancelling', () => {
  test('in the middle of a send keeps what was sent, cancels the rest, and gives it to its readers with the next edition', async () => {
    const { world, edition } = await planned(120)
    const smtp = await sink()
    smtp.hold()
    const sending = send(smtp, edition)
    await smtp.received(2)
    const cancelling = cancelEdition(db, edition, clockFrom(NOON))
    smtp.release()
    await Promise.all([sending, cancelling])
    const counts = await countDeliveries(db, edition)
    expect(counts).toMatchObject({ planned: 120, sending: 0, queued: 0, cancelled: 120 - counts.sent })
    expect(counts.sent).toBeGreaterThan(0)
    expect(counts.cancelled).toBeGreaterThan(0)
    expect(await readEdition(edition)).toMatchObject({ state: 'cancelled', reason: null })
    const reasons = await db.execute(sql`
      select distinct reason, final_at is not null as final from delivery where state = 'cancelled'`)
    expect(reasons.rows).toEqual([{ reason: 'the edition was cancelled', final: true }])

    const next = await plan(world)
    expect((await countDeliveries(db, next)).planned).toBe(counts.cancelled)
    await send(smtp, next)
    expect(new Set(recipients(smtp)).size).toBe(120)
    expect(smtp.messages).toHaveLength(120)
  })

  test('ends deferred deliveries too, and those a dead worker had claimed', async () => {
    const { edition } = await planned(10)
    const dead = await leaseBatch(db, 'dead', null, NOON)
    if (dead === null) throw new Error('nothing was leased')
    await claimDue(db, dead, 4, NOON)
    await db.execute(sql`update delivery set state = 'deferred', retry_at = now() where seq > 8`)
    await db.execute(sql`update batch set deferred = 2`)
    await cancelEdition(db, edition, handClock(NOON.add({ seconds: 16 })))
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: 10, cancelled: 10, deferred: 0, sending: 0 })
    const rows = await db.execute(sql`select state, retry_at, count(*) as n from delivery group by 1, 2`)
    expect(rows.rows).toEqual([{ state: 'cancelled', retry_at: null, n: 10 }])
  })

  test('waits for a living worker, a minute at most; the edition stays paused and can be cancelled again', async () => {
    const { edition } = await planned(10)
    await leaseBatch(db, 'alive', null, NOON)
    let asked = 0
    const impatient = { ...handClock(NOON), monotonicMs: () => asked++ * 61_000 }
    await expect(cancelEdition(db, edition, impatient)).rejects.toMatchObject({ code: 'edition.busy' })
    expect(await readEdition(edition)).toMatchObject({ state: 'paused', reason: 'being cancelled' })
    expect(await countDeliveries(db, edition)).toMatchObject({ queued: 10 })
    await cancelEdition(db, edition, handClock(NOON.add({ minutes: 1 })))
    expect(await readEdition(edition)).toMatchObject({ state: 'cancelled' })
  })

  test('gives each reader the lower one of their own watermark and the start of the edition', async () => {
    const world = await makeWorld(db)
    const [first = 0, second = 0] = await world.addArticles(3)
    await world.addReaders(1, { seenEntryId: first })
    await world.addReaders(1, { seenEntryId: second })
    await world.addReaders(1)
    const edition = await plan(world)
    await cancelEdition(db, edition, clock)
    const own = await db.execute<{ own: number }>(sql`
      select coalesce(s.seen_entry_id, c.seen_entry_id) as own
      from subscription s join cohort c on c.id = s.cohort_id order by s.id`)
    expect(own.rows.map((row) => row.own)).toEqual([first, second, 0])
  })

  test.each(['finished', 'cancelled', 'missed'])(
    'an edition that is %s is an error that names its state',
    async (state) => {
      const { edition } = await planned(1)
      await db.execute(sql`update edition set state = ${state}`)
      await expect(cancelEdition(db, edition, clock)).rejects.toThrow(`is ${state}.`)
      expect((await countDeliveries(db, edition)).queued).toBe(1)
    },
  )

  test('a planner that runs after it adds no reader to it', async () => {
    const world = await makeWorld(db)
    await world.addReaders(2)
    await world.addArticles(1)
    const order = makeManualRequest(world.newsletterId, 'once', null)
    const { edition } = await planEdition(db, order, clock)
    await db.execute(sql`update edition set state = 'planning'`)
    await cancelEdition(db, edition?.id ?? 0, clock)
    await world.addReaders(3)
    const again = await planEdition(db, order, clock)
    expect(again).toMatchObject({ created: false, edition: { id: edition?.id, state: 'cancelled' } })
    expect((await countDeliveries(db, edition?.id ?? 0)).planned).toBe(2)
    expect((await countDeliveries(db, await plan(world))).planned).toBe(5)
  })
})

describe('the archive after a cancelled home edition', () => {
  const homeEntries = async (edition: number) => {
    const rows = await db.execute<{ ids: number[] }>(
      sql`select entry_ids as ids from variant where edition_id = ${edition} and home`,
    )
    return rows.rows[0]?.ids
  }

  test('that no reader received: its articles are in the next home edition, and no reader gets anything twice', async () => {
    const world = await makeWorld(db)
    const sport = await world.addTopic('Sport')
    const [old = 0] = await world.addArticles(1)
    await world.addReaders(2)
    await world.addReaders(1, { topics: [sport] })
    const smtp = await sink()
    await send(smtp, await plan(world))
    const entries = await world.addArticles(2)
    const edition = await plan(world)
    await cancelEdition(db, edition, clock)
    expect(await readEdition(edition)).toMatchObject({ state: 'cancelled', home: false })
    const next = await plan(world)
    expect(await readEdition(next)).toMatchObject({ home: true })
    expect(await homeEntries(next)).toEqual([...entries].reverse())
    await send(smtp, next)
    expect(smtp.messages).toHaveLength(4)
    const sport2 = await world.addArticles(1, [sport])
    const last = await plan(world)
    expect(await homeEntries(last)).toEqual(sport2)
    const selections = await db.execute<{ entries: number[] }>(sql`
      select distinct v.entry_ids as entries from delivery d join variant v on v.id = d.variant_id where d.edition_id = ${last}`)
    expect(selections.rows.map((row) => row.entries)).toEqual([sport2])
    expect(old).toBeGreaterThan(0)
  })

  test('that no reader received: a reader who signed up after it was planned does not get earlier articles', async () => {
    const { world, edition } = await planned(1)
    const [newcomer] = await world.addReaders(1)
    await cancelEdition(db, edition, clock)
    const late = await world.addArticles(1)
    const next = await plan(world)
    const rows = await db.execute<{ entries: number[] }>(sql`
      select v.entry_ids as entries from delivery d join variant v on v.id = d.variant_id
      where d.edition_id = ${next} and d.subscription_id = ${newcomer ?? 0}`)
    expect(rows.rows).toEqual([{ entries: late }])
  })

  test('that a reader received: it stays in the archive, and the next home edition follows it', async () => {
    const { world, edition } = await planned(2)
    const smtp = await sink({ reply: ({ to }) => (to.startsWith('leser1@') ? null : '451 4.3.0 busy') })
    await send(smtp, edition)
    await cancelEdition(db, edition, clock)
    expect(await readEdition(edition)).toMatchObject({ state: 'cancelled', home: true })
    const late = await world.addArticles(1)
    const next = await plan(world)
    expect(await homeEntries(next)).toEqual(late)
  })

  test('that a later edition follows: it stays, since its articles would come twice', async () => {
    const { world, edition } = await planned(2)
    await world.addArticles(1)
    const later = await plan(world)
    await db.execute(sql`update edition set state = 'sending', finished_at = null where id = ${edition}`)
    await cancelEdition(db, edition, clock)
    expect(await readEdition(edition)).toMatchObject({ home: true })
    expect(await readEdition(later)).toMatchObject({ home: true })
  })
})

describe('planning, hiding, pausing and cancelling at the same time', () => {
  test('lose no reader and count every reader', async () => {
    const world = await makeWorld(db)
    await world.addReaders(40)
    await world.addReaders(20, { cohortId: await world.addCohort('Asia/Tokyo', 7) })
    const later = clockFrom(NOON)
    const bear = (error: unknown) => {
      if (!(error instanceof CourantError && error.code === 'edition.state')) throw error
    }
    for (let round = 0; round < 4; round += 1) {
      const entries = await world.addArticles(3)
      const edition = await plan(world)
      await world.addArticles(1)
      await Promise.all([
        planEdition(db, makeManualRequest(world.newsletterId, null, null), later),
        withdrawArticles(db, entries.slice(0, 1), 'hidden', later),
        pauseEdition(db, edition).catch(bear),
        cancelEdition(db, edition, later).catch(bear),
        withdrawArticles(db, entries.slice(1, 2), 'hidden', later),
      ])
    }
    const wrong = await db.execute(sql`
      select s.id from batch s join delivery d on d.edition_id = s.edition_id and d.seq between s.from_seq and s.to_seq
      group by s.id having count(*) <> s.to_seq - s.from_seq + 1
        or count(*) filter (where d.state = 'cancelled') <> s.cancelled
        or count(*) filter (where d.state = 'superseded') <> s.superseded
        or count(*) filter (where d.state = 'skipped') <> s.skipped
        or count(*) filter (where d.state = 'queued') > 0 and s.due_at is null`)
    expect(wrong.rows).toEqual([])
    const open = await db.execute(sql`
      select subscription_id from delivery d join edition e on e.id = d.edition_id
      where d.state = 'queued' group by 1 having count(*) > 1 or bool_or(e.state in ('cancelled', 'finished'))`)
    expect(open.rows).toEqual([])
    await world.addArticles(1)
    const last = await plan(world)
    const visible = await db.execute<{ ids: number[] }>(sql`select array_agg(id order by id desc) as ids from entry`)
    const rows = await db.execute<{ entries: number[]; n: number }>(sql`
      select v.entry_ids as entries, count(*) as n from delivery d join variant v on v.id = d.variant_id
      where d.edition_id = ${last} group by 1`)
    expect(rows.rows).toEqual([{ entries: visible.rows[0]?.ids, n: 60 }])
  })
})
