import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, test } from 'vitest'
import { countPostponed, resumeNotices } from '../../../src/delivery/notices/notice-rejections.ts'
import { sendNotices } from '../../../src/delivery/notices/send-notices.ts'
import { readHealth } from '../../../src/scheduler/health.ts'
import { recordBeat } from '../../../src/scheduler/heartbeat.ts'
import { handClock } from '../../support/clock.ts'
import { freshDatabase, freshSinks } from '../../support/fresh.ts'
import { senderTo } from '../../support/sender.ts'
import { makeWorld, NOON, type World } from '../../support/world.ts'
import { queueConfirmations } from '../queue-confirmations.ts'

const { db } = await freshDatabase()
const sink = freshSinks()
const GONE = '550 5.1.1 no such user'
let world: World
beforeEach(async () => {
  world = await makeWorld(db)
})

const states = async () =>
  Object.fromEntries(
    (
      await db.execute<{ state: string; n: number }>(
        sql`select state, count(*)::integer as n from notice group by 1 order by 1`,
      )
    ).rows.map(({ state, n }) => [state, n]),
  )
const suppressed = async () =>
  (await db.execute<{ n: number }>(sql`select count(*)::integer as n from suppression`)).rows[0]?.n
const LATER = NOON.add({ minutes: 91 })

describe('a relay that refuses every confirmation mail for a moment', () => {
  test('suppresses nobody: the mails wait, and arrive once each by themselves when it is well', async () => {
    await queueConfirmations(db, 60, [world])
    let isWrong = true
    const smtp = await sink({ reply: () => (isWrong ? GONE : null) })
    const sender = await senderTo(`${smtp.url}?connections=3`)
    await sendNotices(db, sender, handClock(NOON))
    expect(await suppressed()).toBe(0)
    expect(await states()).toEqual({ queued: 60 })

    isWrong = false
    await sendNotices(db, sender, handClock(LATER))
    expect(await states()).toEqual({ sent: 60 })
    expect(new Set(smtp.messages.map(({ to }) => to)).size).toBe(60)
    expect(smtp.messages).toHaveLength(60)
  })

  test('is a warning on /readyz until somebody has the mails tried again, also where it goes on refusing', async () => {
    await queueConfirmations(db, 30, [world])
    const smtp = await sink({ reply: () => GONE })
    const sender = await senderTo(`${smtp.url}?connections=1`)
    await sendNotices(db, sender, handClock(NOON))
    await sendNotices(db, sender, handClock(LATER))
    expect([await suppressed(), await countPostponed(db)]).toEqual([0, 30])
    await recordBeat(db, NOON)
    expect(await readHealth(db, NOON)).toEqual({
      ready: true,
      reasons: [],
      warnings: [expect.stringMatching(/^30 confirmation mails wait: .*"courant notice resume" does so at once\.$/)],
    })
    expect(await resumeNotices(db, NOON, false)).toBe(30)
    expect(await readHealth(db, NOON)).toEqual({ ready: true, reasons: [] })
    await sendNotices(db, sender, handClock(NOON))
    expect([await suppressed(), await countPostponed(db)]).toEqual([0, 30])
  })

  test('is accepted where the operator says so, and these rejections count no more', async () => {
    await queueConfirmations(db, 30, [world])
    const smtp = await sink({ reply: () => GONE })
    const sender = await senderTo(`${smtp.url}?connections=1`)
    await sendNotices(db, sender, handClock(NOON))
    expect(await resumeNotices(db, NOON, true)).toBe(30)
    expect([await suppressed(), await states()]).toEqual([30, { failed: 30 }])
    await db.execute(sql`update subscriber set email = 'old' || email, email_key = 'old' || email_key`)
    await queueConfirmations(db, 5, [world])
    await sendNotices(db, sender, handClock(NOON))
    expect([await suppressed(), await countPostponed(db)]).toEqual([35, 0])
  })
})

test('a relay that goes on refusing has each mail a few times in two days, and then none of them, with nobody suppressed', async () => {
  await queueConfirmations(db, 25, [world])
  let refused = 0
  const refuse = () => {
    refused += 1
    return GONE
  }
  const smtp = await sink({ reply: refuse })
  const sender = await senderTo(`${smtp.url}?connections=1`)
  for (const hour of [0, 2, 5, 11, 23, 41, 60]) await sendNotices(db, sender, handClock(NOON.add({ hours: hour })))
  expect([await suppressed(), await states(), await countPostponed(db)]).toEqual([0, { failed: 25 }, 0])
  expect(refused).toBeLessThanOrEqual(25 * 7)
})

test('addresses that do not exist and are spread over days are suppressed, however many there are', async () => {
  const smtp = await sink({ reply: () => GONE })
  const sender = await senderTo(`${smtp.url}?connections=1`)
  for (let day = 0; day < 3; day += 1) {
    await queueConfirmations(db, 15, [world])
    await sendNotices(db, sender, handClock(NOON.add({ hours: 24 * day })))
    await db.execute(sql`update subscriber set email = 'old' || email, email_key = 'old' || email_key`)
  }
  expect([await suppressed(), await states()]).toEqual([45, { failed: 45 }])
})

test('up to twenty addresses that do not exist among many are suppressed as before', async () => {
  await queueConfirmations(db, 50, [world])
  const smtp = await sink({ reply: ({ to }) => (/neu1?\d@/.test(to) ? GONE : null) })
  await sendNotices(db, await senderTo(`${smtp.url}?connections=1`), handClock(NOON))
  expect([await suppressed(), await states()]).toEqual([20, { failed: 20, sent: 30 }])
})
