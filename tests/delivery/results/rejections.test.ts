import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { type Claimed, claimDue } from '../../../src/delivery/claim.ts'
import { leaseBatch } from '../../../src/delivery/lease.ts'
import { readReply } from '../../../src/delivery/outcome/outcome.ts'
import { recordResults } from '../../../src/delivery/results/record-results.ts'
import type { DeliveryResult } from '../../../src/delivery/results/write-results.ts'
import { sendDue, sendEdition } from '../../../src/delivery/worker.ts'
import { pauseEdition, resumeEdition } from '../../../src/editions/lifecycle/pause-resume.ts'
import { countDeliveries } from '../../../src/editions/reports/counts.ts'
import { readRejection } from '../../../src/mail/smtp/reply.ts'
import { readHealth } from '../../../src/scheduler/health.ts'
import { recordBeat } from '../../../src/scheduler/heartbeat.ts'
import { fastClock, handClock } from '../../support/clock.ts'
import { freshDatabase, freshSinks } from '../../support/fresh.ts'
import { planByHand } from '../../support/planned.ts'
import { senderTo } from '../../support/sender.ts'
import { makeWorld, NOON, type World } from '../../support/world.ts'

const { db } = await freshDatabase()
const sink = freshSinks()
const GONE = '550 5.1.1 no such user'

async function planned(readers: number): Promise<{ world: World; edition: number }> {
  const world = await makeWorld(db)
  await world.addReaders(readers)
  await world.addArticles(3)
  return { world, edition: await planByHand(db, world) }
}

const editionNow = async () =>
  (await db.execute(sql`select state, reason from edition order by id desc limit 1`)).rows[0]
const suppressions = async () =>
  (await db.execute<{ n: number }>(sql`select count(*)::integer as n from suppression`)).rows[0]?.n
/** Readers whose own watermark is not their cohort's. */
const apart = async () =>
  (
    await db.execute<{ n: number }>(
      sql`select count(*)::integer as n from subscription where seen_entry_id is not null`,
    )
  ).rows[0]?.n
const numberOf = (to: string) => Number(/\d+/.exec(to)?.[0])

describe('a relay that is wrong for a moment', () => {
  test('suppresses nobody of 500: the edition is paused with the relay’s words, and goes on when it is resumed', async () => {
    const { world, edition } = await planned(500)
    let isWrong = true
    const smtp = await sink({ reply: () => (isWrong ? GONE : null) })
    const sender = await senderTo(`${smtp.url}?connections=5`)
    await sendEdition(db, sender, edition, fastClock(NOON, 20))
    expect(await editionNow()).toEqual({
      state: 'paused',
      reason: expect.stringMatching(
        /^too many rejections: \d\d of (the last )?\d\d messages .*the mailbox does not exist \(550 5\.1\.1 no such user\)$/,
      ),
    })
    expect(await suppressions()).toBe(0)
    expect(await apart()).toBe(0)
    expect(await countDeliveries(db, edition)).toMatchObject({ planned: 500, queued: 500, failed: 0, sending: 0 })

    isWrong = false
    await resumeEdition(db, edition, NOON)
    await sendEdition(db, sender, edition, fastClock(NOON.add({ minutes: 1 }), 20))
    await planByHand(db, world, handClock(NOON.add({ minutes: 2 })))
    await sendDue(db, sender, null, fastClock(NOON.add({ minutes: 3 }), 20))
    expect(new Set(smtp.messages.map(({ to }) => to)).size).toBe(500)
    expect(smtp.messages).toHaveLength(500)
    expect(await countDeliveries(db, edition)).toMatchObject({ sent: 500, failed: 0 })
  })

  test('is logged once, with how many readers have the edition and without the relay’s reply', async () => {
    const { world, edition } = await planned(100)
    const smtp = await sink({ reply: ({ to }) => (numberOf(to) <= 10 ? null : `550 5.1.1 <${to}>: no such user`) })
    const lines: string[] = []
    const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) })
    const sender = { ...(await senderTo(`${smtp.url}?connections=2`)), log }
    await sendEdition(db, sender, edition, fastClock(NOON, 20))
    await world.addArticles(1)
    const other = await planByHand(db, world, handClock(NOON.add({ minutes: 1 })))
    await pauseEdition(db, other)
    await sendDue(db, sender, null, fastClock(NOON.add({ minutes: 2 }), 20))
    const logged = lines.filter((line) => line.includes('edition.paused')).map((line) => JSON.parse(line))
    const { sent, failed } = await countDeliveries(db, edition)
    expect(logged).toEqual([
      expect.objectContaining({
        level: 40,
        editionId: edition,
        newsletter: 'morgen',
        sent,
        failed,
        unsent: 100 - sent - failed,
      }),
    ])
    expect(logged[0].sent).toBeGreaterThan(0)
    expect(lines.join('')).not.toContain('@')
  })

  test('is reported on /readyz until the edition is resumed, without the relay’s reply', async () => {
    const { edition } = await planned(30)
    const smtp = await sink({ reply: ({ to }) => `550 5.1.1 <${to}>: no such user` })
    await sendEdition(db, await senderTo(smtp.url), edition, fastClock(NOON, 20))
    await recordBeat(db, NOON)
    expect(await readHealth(db, NOON)).toEqual({
      ready: false,
      reasons: [
        `Edition ${edition} is paused: its relay rejected too many readers permanently. "courant edition show ${edition}" shows details.`,
      ],
    })
    await resumeEdition(db, edition, NOON)
    expect(await readHealth(db, NOON)).toEqual({ ready: true, reasons: [] })
  })

  test('is found across two workers, and what one of them suppressed before is taken back', async () => {
    const { edition } = await planned(1_000)
    const smtp = await sink({ reply: ({ to }) => (numberOf(to) % 4 === 0 ? GONE : null) })
    const sender = await senderTo(`${smtp.url}?connections=4`)
    const clock = fastClock(NOON, 20)
    await Promise.all([sendEdition(db, sender, edition, clock), sendEdition(db, sender, edition, clock)])
    expect(await editionNow()).toMatchObject({ state: 'paused' })
    expect(await suppressions()).toBe(0)
    const counts = await countDeliveries(db, edition)
    expect(counts).toMatchObject({ failed: 0, sending: 0, sent: smtp.messages.length })
    expect(counts.queued).toBe(1_000 - smtp.messages.length)
  })
})

describe('at the limit', () => {
  test('20 mailboxes that do not exist are suppressed one by one, and the edition is finished', async () => {
    const { edition } = await planned(60)
    const smtp = await sink({ reply: ({ to }) => (numberOf(to) <= 20 ? GONE : null) })
    await db.execute(sql`update subscriber set email = 'r' || id || '@d' || id % 7 || '.example'`)
    await sendEdition(db, await senderTo(smtp.url), edition, fastClock(NOON, 20))
    expect(await editionNow()).toEqual({ state: 'finished', reason: null })
    expect(await suppressions()).toBe(20)
    expect(await apart()).toBe(20)
    expect(await countDeliveries(db, edition)).toMatchObject({ sent: 40, failed: 20 })
  })

  test('the 21st reverts the 20 before it', async () => {
    const { edition } = await planned(60)
    await db.execute(sql`update subscriber set email = 'r' || id || '@d' || id % 7 || '.example'`)
    const smtp = await sink({ reply: ({ to }) => (numberOf(to) <= 21 ? GONE : null) })
    await sendEdition(db, await senderTo(smtp.url), edition, fastClock(NOON, 20))
    expect(await editionNow()).toMatchObject({ state: 'paused' })
    expect(await suppressions()).toBe(0)
    expect(await apart()).toBe(0)
    expect(await countDeliveries(db, edition)).toMatchObject({ failed: 0, sending: 0 })
  })

  test('20 spread over more than the last 1,000 outcomes are within the limit', async () => {
    const { edition } = await planned(1_250)
    await db.execute(sql`update subscriber set email = 'r' || id || '@d' || id % 7 || '.example'`)
    const smtp = await sink({ reply: ({ to }) => (numberOf(to) % 55 === 0 ? GONE : null) })
    await sendEdition(db, await senderTo(`${smtp.url}?connections=4`), edition, fastClock(NOON, 20))
    expect(await editionNow()).toMatchObject({ state: 'finished' })
    expect(await suppressions()).toBe(22)
  })

  test('a provider that refuses 20 of its own, most there are, pauses the edition though the list is long', async () => {
    const { edition } = await planned(1_250)
    await db.execute(
      sql`update subscriber set email = 'r' || id || case when id % 60 = 0 then '@GMX.example' else '@d' || id % 7 || '.example' end`,
    )
    const smtp = await sink({ reply: ({ to }) => (/gmx/i.test(to) ? GONE : null) })
    await sendEdition(db, await senderTo(`${smtp.url}?connections=4`), edition, fastClock(NOON, 20))
    expect(await editionNow()).toEqual({ state: 'paused', reason: expect.stringContaining('messages to gmx.example') })
    expect(await suppressions()).toBe(0)
    expect(await apart()).toBe(0)
  })
})

describe('rejections that are committed', () => {
  const refusals = (claimed: readonly Claimed[]) =>
    claimed.map((one): DeliveryResult => {
      const reply = readRejection({ kind: 'reply', code: 550, text: GONE }, 'rcpt')
      return { claimed: one, outcome: readReply(reply, { attempts: 1, giveUpFrom: NOON, jitter: 0 }, NOON) }
    })
  const claimAll = async (edition: number) => {
    const lease = await leaseBatch(db, 'test', edition, NOON)
    return lease === null ? [] : claimDue(db, lease, 50, NOON)
  }

  test('twice, since the answer to the first commit was lost, count once', async () => {
    const { edition } = await planned(30)
    const results = refusals((await claimAll(edition)).slice(0, 15))
    await recordResults(db, results, NOON)
    await recordResults(db, results, NOON)
    expect(await editionNow()).toEqual({ state: 'sending', reason: null })
    expect(await suppressions()).toBe(15)
    expect(await countDeliveries(db, edition)).toMatchObject({ failed: 15, sending: 15 })
  })

  test('again after they were taken back change nothing', async () => {
    const { edition } = await planned(30)
    const results = refusals(await claimAll(edition))
    await recordResults(db, results.slice(0, 10), NOON)
    await recordResults(db, results.slice(10), NOON)
    await recordResults(db, results.slice(0, 10), NOON)
    expect(await suppressions()).toBe(0)
    expect(await apart()).toBe(0)
    expect(await countDeliveries(db, edition)).toMatchObject({ queued: 30, failed: 0 })
  })

  test('by a worker that lost its batch do not count', async () => {
    const { edition } = await planned(30)
    const results = refusals(await claimAll(edition))
    await db.execute(sql`update batch set token = token + 1`)
    expect(await recordResults(db, results, NOON)).toHaveLength(30)
    expect(await editionNow()).toEqual({ state: 'sending', reason: null })
    expect(await suppressions()).toBe(0)
  })

  test('give no article to a reader twice whose watermark has moved since: the next edition brings it', async () => {
    const { world, edition } = await planned(30)
    const results = refusals(await claimAll(edition))
    await recordResults(db, results.slice(0, 10), NOON)
    await db.execute(sql`update subscription set seen_entry_id = 1 where seen_entry_id is not null`)
    await recordResults(db, results.slice(10), NOON)
    expect(await suppressions()).toBe(0)
    expect(await countDeliveries(db, edition)).toMatchObject({ queued: 20, failed: 10 })
    await db.execute(sql`update batch set lease_until = null, owner = null`)
    const next = await planByHand(db, world, handClock(NOON.add({ minutes: 2 })))
    expect(await countDeliveries(db, next)).toMatchObject({ planned: 10 })
  })
})

describe('an operator', () => {
  test('who accepts the rejections has them suppressed, however many', async () => {
    const { edition } = await planned(60)
    const smtp = await sink({ reply: ({ to }) => (numberOf(to) <= 40 ? GONE : null) })
    const sender = await senderTo(smtp.url)
    await sendEdition(db, sender, edition, fastClock(NOON, 20))
    expect(await suppressions()).toBe(0)
    await resumeEdition(db, edition, NOON, true)
    await sendEdition(db, sender, edition, fastClock(NOON.add({ minutes: 1 }), 20))
    expect(await editionNow()).toMatchObject({ state: 'finished' })
    expect(await suppressions()).toBe(40)
    expect(await countDeliveries(db, edition)).toMatchObject({ sent: 20, failed: 40 })
  })

  test('who paused the edition meanwhile finds the rejections as its reason', async () => {
    const { edition } = await planned(60)
    await db.execute(sql`update subscriber set email = 'r' || id || '@d' || id % 7 || '.example'`)
    let replies = 0
    const smtp = await sink({
      reply: () => {
        replies += 1
        if (replies === 15) void pauseEdition(db, edition)
        return GONE
      },
    })
    await sendEdition(db, await senderTo(`${smtp.url}?connections=5`), edition, fastClock(NOON, 20))
    expect(await editionNow()).toMatchObject({
      state: 'paused',
      reason: expect.stringContaining('too many rejections'),
    })
    expect(await suppressions()).toBe(0)
  })
})
