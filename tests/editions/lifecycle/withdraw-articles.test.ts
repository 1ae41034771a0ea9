import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { claimDue } from '../../../src/delivery/claim.ts'
import { leaseBatch } from '../../../src/delivery/lease.ts'
import { pauseEdition, resumeEdition } from '../../../src/editions/lifecycle/pause-resume.ts'
import { withdrawArticles } from '../../../src/editions/lifecycle/withdraw-articles.ts'
import { countDeliveries } from '../../../src/editions/reports/counts.ts'
import { articleNumbers } from '../../delivery/article-numbers.ts'
import { openSequentialSends } from '../../delivery/sequential-sends.ts'
import { handClock } from '../../support/clock.ts'
import { freshDatabase, freshSinks } from '../../support/fresh.ts'
import { planByHand } from '../../support/planned.ts'
import { makeWorld, NOON, type World } from '../../support/world.ts'

const { db, truncate } = await freshDatabase()
const sink = freshSinks()
const sends = openSequentialSends(db)
const { send } = sends
const clock = handClock(NOON)
const plan = (world: World) => planByHand(db, world)
/** The article of an entry: in these tests both are counted from 1. */
const hide = (...articleIds: number[]) => withdrawArticles(db, articleIds, 'hidden', clock)
const editionRow = async (id: number) => {
  const rows = await db.execute<{ state: string; home: boolean; article_count: number; variant_count: number }>(
    sql`select state, home, article_count, variant_count from edition where id = ${id}`,
  )
  return rows.rows[0]
}
const variants = async (edition: number) => {
  const rows = await db.execute<{ entries: number[]; home: boolean; hash: string; readers: number }>(sql`
    select v.entry_ids as entries, v.home, v.entries_hash as hash,
      (select count(*) from delivery d where d.edition_id = v.edition_id and d.variant_id = v.id) as readers
    from variant v where v.edition_id = ${edition} order by v.entry_ids, v.locale, v.format`)
  return rows.rows
}

describe('hiding an article that is planned', () => {
  test('gives readers of unsent deliveries a selection without it', async () => {
    const world = await makeWorld(db)
    await world.addReaders(3)
    const [one = 0, two = 0, three = 0] = await world.addArticles(3)
    const edition = await plan(world)
    expect(await hide(two)).toMatchObject({
      articles: [{ id: two, title: 'Nachricht Nummer 2', state: 'hidden' }],
      editions: [edition],
      moved: 3,
      skipped: 0,
    })
    expect(await variants(edition)).toMatchObject([{ entries: [three, one], home: true, readers: 3 }])
    expect(await editionRow(edition)).toEqual({ state: 'sending', home: true, article_count: 2, variant_count: 1 })
    const smtp = await sink()
    await send(smtp, edition)
    expect(await Promise.all(smtp.messages.map(({ raw }) => articleNumbers(raw)))).toEqual([
      [1, 3],
      [1, 3],
      [1, 3],
    ])
  })

  test('makes the same variant as planning would, so that a later plan uses it', async () => {
    const world = await makeWorld(db)
    const other = await world.addCohort('Asia/Tokyo', 7)
    await world.addReaders(1)
    await world.addReaders(1, { cohortId: other })
    await world.addArticles(3)
    const edition = await plan(world)
    await hide(2)
    const [made] = await variants(edition)
    const planned = await db.execute<{ hash: string }>(sql`
      select md5(string_agg(e.id::text, ',' order by least(a.published_at, e.created_at) desc, e.id desc)) as hash
      from entry e join article a on a.id = e.article_id`)
    expect(made?.hash).toBe(planned.rows[0]?.hash)
  })

  test('merges selections that become the same', async () => {
    const world = await makeWorld(db)
    const sport = await world.addTopic('Sport')
    const culture = await world.addTopic('Kultur')
    const [first = 0] = await world.addArticles(1, [sport])
    const [second = 0] = await world.addArticles(1, [culture])
    await world.addReaders(2)
    await world.addReaders(2, { topics: [sport] })
    await world.addReaders(2, { topics: [culture] })
    const edition = await plan(world)
    expect(await variants(edition)).toHaveLength(3)
    expect(await hide(second)).toMatchObject({ moved: 2, skipped: 2 })
    expect((await variants(edition)).filter(({ readers }) => readers > 0)).toMatchObject([
      { entries: [first], home: true, readers: 4 },
      { entries: [second], home: false, readers: 2 },
    ])
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: 6, queued: 4, skipped: 2 })
  })

  test('skips and counts deliveries without another article, deferred ones too, with the reason', async () => {
    const world = await makeWorld(db)
    await world.addReaders(2)
    await world.addArticles(1)
    const edition = await plan(world)
    await db.execute(sql`update delivery set state = 'deferred', retry_at = now() where seq = 1`)
    await db.execute(sql`update batch set deferred = 1`)
    await hide(1)
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: 2, skipped: 2, queued: 0, deferred: 0 })
    const rows = await db.execute(sql`select state, reason, retry_at from delivery group by 1, 2, 3`)
    expect(rows.rows).toEqual([{ state: 'skipped', reason: 'no article was left', retry_at: null }])
    expect(await editionRow(edition)).toMatchObject({ state: 'finished', home: false, article_count: 0 })
    const [late = 0] = await world.addArticles(1)
    const next = await plan(world)
    expect(await variants(next)).toMatchObject([{ entries: [late], readers: 2 }])
  })

  test('ends a batch of which a part was sent', async () => {
    const world = await makeWorld(db)
    await world.addReaders(3)
    await world.addArticles(1)
    const edition = await plan(world)
    await send(await sink({ reply: ({ to }) => (to.startsWith('leser1@') ? null : '451 4.3.0 busy') }), edition)
    await hide(1)
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: 3, sent: 1, skipped: 2, deferred: 0 })
    expect(await editionRow(edition)).toMatchObject({ state: 'finished' })
  })

  test('in the middle of a send: no further reader gets it, and no reader gets anything twice', async () => {
    const world = await makeWorld(db)
    await world.addReaders(120)
    await world.addArticles(2)
    const edition = await plan(world)
    const smtp = await sink()
    smtp.hold()
    const sending = send(smtp, edition)
    await smtp.received(2)
    const hiding = withdrawArticles(db, [1], 'hidden', sends.clock())
    smtp.release()
    const [, { moved }] = await Promise.all([sending, hiding])
    await send(smtp, edition)
    expect(new Set(smtp.messages.map(({ to }) => to)).size).toBe(120)
    expect(smtp.messages).toHaveLength(120)
    const contents = await Promise.all(smtp.messages.map(({ raw }) => articleNumbers(raw)))
    expect(moved).toBeGreaterThan(0)
    expect(contents.filter((numbers) => numbers.includes(1))).toHaveLength(120 - moved)
    expect(contents.slice(120 - moved).every((numbers) => numbers.join() === '2')).toBe(true)
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: 120, sent: 120 })
    const later = await world.addArticles(1)
    expect(await variants(await plan(world))).toMatchObject([{ entries: later, readers: 120 }])
  })

  test('works in paused and held editions, which stay paused and held', async () => {
    for (const state of ['paused', 'held']) {
      await truncate()
      const world = await makeWorld(db)
      await world.addReaders(2)
      await world.addArticles(2)
      const edition = await plan(world)
      await pauseEdition(db, edition)
      await db.execute(sql`update edition set state = ${state}`)
      await hide(1)
      expect(await editionRow(edition)).toMatchObject({ state, article_count: 1 })
      await resumeEdition(db, edition, NOON)
      const smtp = await sink()
      await send(smtp, edition)
      expect(await Promise.all(smtp.messages.map(({ raw }) => articleNumbers(raw)))).toEqual([[2], [2]])
    }
  })

  test('waits for a worker a minute at most, and continues when it is repeated', async () => {
    const world = await makeWorld(db)
    await world.addReaders(3)
    await world.addArticles(2)
    const edition = await plan(world)
    const lease = await leaseBatch(db, 'slow', null, NOON)
    if (lease === null) throw new Error('nothing was leased')
    await claimDue(db, lease, 1, NOON)
    let asked = 0
    const impatient = { ...handClock(NOON), monotonicMs: () => asked++ * 61_000 }
    await expect(withdrawArticles(db, [1], 'hidden', impatient)).rejects.toMatchObject({ code: 'edition.busy' })
    expect(await withdrawArticles(db, [1], 'hidden', handClock(NOON.add({ seconds: 16 })))).toMatchObject({ moved: 3 })
    expect(await variants(edition)).toMatchObject([{ entries: [2], readers: 3 }])
  })
})

describe('hiding an article that was sent', () => {
  test('removes it from the archive', async () => {
    const world = await makeWorld(db)
    await world.addReaders(2)
    await world.addArticles(2)
    const edition = await plan(world)
    await send(await sink(), edition)
    expect(await hide(2)).toMatchObject({ editions: [], moved: 0, skipped: 0 })
    const articles = await db.execute(sql`select article_id from edition_article`)
    expect(articles.rows).toEqual([{ article_id: 1 }])
    expect((await variants(edition)).filter(({ home }) => home)).toMatchObject([{ entries: [1] }])
    expect(await editionRow(edition)).toMatchObject({ state: 'finished', home: true, article_count: 1 })
    await hide(1)
    expect(await editionRow(edition)).toMatchObject({ state: 'finished', home: false, article_count: 0 })
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: 2, sent: 2 })
    expect(await plan(world)).toBe(0)
  })
})
