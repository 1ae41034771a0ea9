import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import {
  countAffected,
  deleteNewsletter,
  pauseNewsletter,
  resumeNewsletter,
} from '../../../src/editions/lifecycle/newsletter-lifecycle.ts'
import { pauseEdition, resumeEdition } from '../../../src/editions/lifecycle/pause-resume.ts'
import { planEdition } from '../../../src/editions/plan/plan.ts'
import { makeManualRequest } from '../../../src/editions/plan-request.ts'
import { countDeliveries } from '../../../src/editions/reports/counts.ts'
import { findNewsletter, listNewsletters } from '../../../src/newsletters/newsletters.ts'
import { handClock } from '../../support/clock.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { makeWorld, NOON, type World } from '../../support/world.ts'

const { db } = await freshDatabase()
const clock = handClock(NOON)

/** An edition of one article for three readers. */
async function planned(slug = 'morgen'): Promise<{ world: World; edition: number }> {
  const world = await makeWorld(db, slug)
  await world.addReaders(3)
  await world.addArticles(1)
  return { world, edition: await plan(world) }
}
const plan = async (world: World) =>
  (await planEdition(db, makeManualRequest(world.newsletterId, null, null), clock)).edition?.id ?? 0
const editions = async () =>
  (await db.execute<{ state: string; reason: string | null }>(sql`select state, reason from edition order by id`)).rows
const subscriptions = async () =>
  (
    await db.execute(
      sql`select newsletter_id as newsletter, state, count(*) as n from subscription group by 1, 2 order by 1, 2`,
    )
  ).rows

describe('pausing a newsletter', () => {
  test('pauses its editions that are being sent, and those of no other newsletter', async () => {
    const { edition } = await planned()
    await planned('abend')
    const { newsletter, editions: ids } = await pauseNewsletter(db, 'morgen')
    expect(newsletter.state).toBe('paused')
    expect(ids).toEqual([edition])
    expect(await editions()).toEqual([
      { state: 'paused', reason: 'the newsletter is paused' },
      { state: 'sending', reason: null },
    ])
    await expect(resumeEdition(db, edition, NOON)).rejects.toMatchObject({ code: 'newsletter.paused' })
  })

  test('resumed, it sends the editions paused with it, and not those paused before or held', async () => {
    const { world, edition } = await planned()
    await pauseEdition(db, edition)
    await world.addReaders(1)
    await world.addArticles(1)
    const second = await plan(world)
    const held = await plan(await world.addReaders(1, { seenEntryId: 0 }).then(() => world))
    await db.execute(sql`update edition set state = 'held', reason = 'a template' where id = ${held}`)
    await pauseNewsletter(db, 'morgen')
    expect((await resumeNewsletter(db, 'morgen', NOON)).editions).toEqual([second])
    expect((await editions()).map(({ state }) => state)).toEqual(['paused', 'sending', 'held'])
  })

  test('resumed, its cohorts are due at their next slot: slots that passed are neither made up for nor missed', async () => {
    const { world } = await planned()
    await world.addCohort('Asia/Tokyo', 7)
    await db.execute(sql`update cohort set next_due_at = ${NOON.subtract({ hours: 72 }).toString()}`)
    const far = await world.addCohort('Asia/Tokyo', 9)
    await db.execute(sql`update cohort set next_due_at = ${NOON.add({ hours: 99 }).toString()} where id = ${far}`)
    await pauseNewsletter(db, 'morgen')
    await resumeNewsletter(db, 'morgen', NOON)
    const due = await db.execute<{ due: string }>(sql`
      select to_char(next_due_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as due from cohort order by id`)
    expect(due.rows.map((row) => row.due)).toEqual(['2026-05-05 05:00', '2026-05-04 22:00', '2026-05-08 15:00'])
    expect(await editions()).toHaveLength(1)
  })

  test('in the same state already, or an unknown one, is an error that says so', async () => {
    await planned()
    await expect(resumeNewsletter(db, 'morgen', NOON)).rejects.toThrow('is active already')
    await pauseNewsletter(db, 'morgen')
    await expect(pauseNewsletter(db, 'morgen')).rejects.toThrow('is paused already')
    await expect(pauseNewsletter(db, 'nirgends')).rejects.toMatchObject({ code: 'newsletter.unknown' })
  })
})

describe('deleting a newsletter', () => {
  test('cancels what is being sent, unsubscribes its readers with evidence, and leaves other newsletters alone', async () => {
    const { world, edition } = await planned()
    await world.addReaders(2, { state: 'pending' })
    await world.addReaders(1, { state: 'unsubscribed' })
    const other = await planned('abend')
    expect(await countAffected(db, 'morgen')).toMatchObject({ readers: 5, unsent: 3 })
    expect(await deleteNewsletter(db, 'morgen', clock)).toMatchObject({ editions: [edition], readers: 5 })
    expect(await editions()).toEqual([
      { state: 'cancelled', reason: null },
      { state: 'sending', reason: null },
    ])
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: 3, cancelled: 3 })
    expect(await subscriptions()).toEqual([
      { newsletter: world.newsletterId, state: 'unsubscribed', n: 6 },
      { newsletter: other.world.newsletterId, state: 'active', n: 3 },
    ])
    const records = await db.execute(sql`
      select action, evidence, count(*) as n, count(subscriber_id) as subscribers, bool_and(newsletter_id = ${world.newsletterId}) as its
      from consent_record group by 1, 2`)
    expect(records.rows).toEqual([
      {
        action: 'unsubscribed',
        evidence: 'The newsletter was deleted by its publisher.',
        n: 5,
        subscribers: 5,
        its: true,
      },
    ])
  })

  test('removes it from every list, and frees its slug', async () => {
    const { world } = await planned()
    await deleteNewsletter(db, 'morgen', clock)
    expect(await listNewsletters(db)).toEqual([])
    await expect(findNewsletter(db, 'morgen')).rejects.toMatchObject({ code: 'newsletter.unknown' })
    await expect(deleteNewsletter(db, 'morgen', clock)).rejects.toMatchObject({ code: 'newsletter.unknown' })
    const again = await makeWorld(db, 'morgen-neu').catch((error) => error)
    await db.execute(sql`update newsletter set slug = 'morgen' where id = ${again.newsletterId}`)
    expect(await findNewsletter(db, 'morgen')).toMatchObject({ id: again.newsletterId })
    expect(again.newsletterId).not.toBe(world.newsletterId)
  })

  test('works on a paused one, and can be repeated after an interruption', async () => {
    const { edition } = await planned()
    await pauseNewsletter(db, 'morgen')
    await db.execute(sql`update batch set lease_until = ${NOON.add({ seconds: 10 }).toString()}`)
    let asked = 0
    const impatient = { ...handClock(NOON), monotonicMs: () => asked++ * 61_000 }
    await expect(deleteNewsletter(db, 'morgen', impatient)).rejects.toMatchObject({ code: 'edition.busy' })
    expect(await findNewsletter(db, 'morgen')).toMatchObject({ state: 'paused' })
    expect(await subscriptions()).toMatchObject([{ state: 'active', n: 3 }])
    await deleteNewsletter(db, 'morgen', handClock(NOON.add({ minutes: 1 })))
    expect(await countDeliveries(db, edition)).toMatchObject({ cancelled: 3 })
    expect(await subscriptions()).toMatchObject([{ state: 'unsubscribed', n: 3 }])
  })
})
