import { sql } from 'drizzle-orm'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { attachSource } from '../../src/articles/sources/attach.ts'
import { clockFrom, sleep, type Temporal } from '../../src/clock.ts'
import { openDatabase } from '../../src/db/client.ts'
import type { Newsletter } from '../../src/newsletters/newsletters.ts'
import { readLastBeat } from '../../src/scheduler/heartbeat.ts'
import { runTick, type TickWork } from '../../src/scheduler/tick.ts'
import { handClock } from '../support/clock.ts'
import { writeRss } from '../support/feeds.ts'
import { freshDatabase, freshSinks, openFeeds } from '../support/fresh.ts'
import { senderTo } from '../support/sender.ts'
import type { Sink } from '../support/smtp.ts'
import { countStatements } from '../support/statements.ts'
import { addEntry, addEva, addReader, addTagblatt, readReceived, readSlots } from './newsletter-fixtures.ts'
import { at, MONDAY, TUESDAY_SLOT } from './times.ts'

const { db, pool, url } = await freshDatabase()
const second = await openDatabase(url)
afterAll(second.close)
const feeds = await openFeeds()
const sink = freshSinks()
let smtp: Sink
let work: TickWork
beforeEach(async () => {
  smtp = await sink()
  work = await workWith(smtp.url)
})

async function workWith(relay: string, connections = 2): Promise<TickWork> {
  const sender = await senderTo(`${relay}?connections=${connections}`)
  return { sender, collecting: { userAgent: 'Courant/test', allowPrivate: true }, log: sender.log }
}
const tickAt = (now: string, on: TickWork = work) => runTick(db, on, clockFrom(at(now)))
const recipients = () => smtp.messages.map(({ to }) => to).sort()

async function addFeed(newsletter: Newsletter, path: string, now: Temporal.Instant = MONDAY): Promise<number> {
  const wanted = { url: feeds.url(path), newsletterId: newsletter.id, backfillDays: null, allowPrivate: true }
  return (await attachSource(db, wanted, now)).id
}

const rss = (...names: readonly string[]) =>
  writeRss(
    names.map((name) => ({
      guid: name,
      link: `https://kurier.example/${name}`,
      title: `Titel ${name}`,
      pubDate: 'Mon, 04 May 2026 09:00:00 GMT',
    })),
  )

describe('a tick', () => {
  test('collects, plans and delivers what is due, and reports it', async () => {
    const tagblatt = await addTagblatt(db)
    await addReader(db, tagblatt, 'eva', {}, MONDAY)
    feeds.set('/eins.xml', rss('a', 'b'))
    await addFeed(tagblatt, '/eins.xml')
    const report = await runTick(db, work, handClock(at(TUESDAY_SLOT)))
    expect(report).toEqual({
      reminders: 0,
      expired: 0,
      collected: { sources: 1, fetched: 1, unchanged: 0, failed: 0, held: 0, new: 2, updated: 0 },
      planned: [
        {
          edition: 1,
          newsletter: 'tagblatt',
          frequency: 'daily',
          slotAt: at(TUESDAY_SLOT),
          state: 'sending',
          planned: 1,
        },
      ],
      missed: [],
      waiting: [],
      notices: 0,
      sent: 1,
      deferred: 0,
      failed: 0,
      suppressed: 0,
      skipped: 0,
      troubles: [],
    })
    expect(smtp.messages[0]?.raw.toString()).toContain('Titel a')
    expect(await readSlots(db)).toEqual([{ frequency: 'daily', slot: TUESDAY_SLOT, state: 'finished', readers: 1 }])
    expect(String(await readLastBeat(db))).toBe(TUESDAY_SLOT)
  })

  test('with nothing due is cheap, however many readers and cohorts there are', async () => {
    const counted = countStatements(pool)
    const countTick = async () => {
      const { statements } = await counted.count((by) => runTick(by, work, clockFrom(MONDAY)))
      return statements.length
    }
    const tagblatt = await addTagblatt(db)
    await addReader(db, tagblatt, 'eva', {}, MONDAY)
    const few = await countTick()
    for (let hour = 0; hour < 10; hour++)
      await addReader(db, tagblatt, `leser${hour}`, { hour, zone: 'Etc/UTC' }, MONDAY)
    await addTagblatt(db, { slug: 'anderes' })
    await addEntry(db, tagblatt, MONDAY)
    expect(await countTick()).toBe(few)
    expect(few).toBeLessThanOrEqual(25)
  })

  test('sends notices before digests', async () => {
    const { tagblatt } = await addEva(db)
    const { subscribe } = await import('../../src/subscribers/signup/subscribe.ts')
    const wish = { newsletterId: tagblatt.id, name: null, locale: null, format: null, topics: null, confirmed: null }
    const schedule = { frequency: null, weekday: null, hour: null, zone: null }
    await subscribe(db, { ...wish, email: 'neu@leser.example', schedule: schedule, by: 'reader' }, at(TUESDAY_SLOT))
    const report = await tickAt(TUESDAY_SLOT)
    expect(report).toMatchObject({ notices: 1, sent: 1 })
    expect(smtp.messages.map(({ to }) => to)).toEqual(['neu@leser.example', 'eva@leser.example'])
  })

  test('continues what a dead worker left', async () => {
    await addEva(db)
    await tickAt(TUESDAY_SLOT, await workWith('smtp://127.0.0.1:1'))
    await db.execute(sql`update delivery set state = 'sending'`)
    await db.execute(sql`
      update batch set deferred = 0, sending = 1, owner = 'dead', token = token + 1, due_at = ${TUESDAY_SLOT},
        lease_until = ${'2026-05-05T05:00:15Z'}`)
    expect(await tickAt('2026-05-05T05:00:10Z')).toMatchObject({ sent: 0, deferred: 1 })
    expect(await tickAt('2026-05-05T05:01:00Z')).toMatchObject({ sent: 1, deferred: 0 })
    expect(recipients()).toEqual(['eva@leser.example'])
  })

  test('that overlaps with another sends to each reader once', async () => {
    const tagblatt = await addTagblatt(db)
    for (let n = 0; n < 6; n++) await addReader(db, tagblatt, `leser${n}`, {}, MONDAY)
    feeds.set('/eins.xml', rss('a'))
    await addFeed(tagblatt, '/eins.xml')
    const clock = clockFrom(at(TUESDAY_SLOT))
    const reports = await Promise.all([runTick(db, work, clock), runTick(second.db, work, clock)])
    expect(reports.flatMap(({ troubles }) => troubles)).toEqual([])
    await tickAt('2026-05-05T05:01:00Z')
    expect(recipients()).toEqual(Array.from({ length: 6 }, (_, n) => `leser${n}@leser.example`))
    expect(await readSlots(db)).toMatchObject([{ slot: TUESDAY_SLOT, state: 'finished', readers: 6 }])
  })

  test('continues when one of its parts fails, and names that part', async () => {
    const { tagblatt } = await addEva(db)
    await addFeed(tagblatt, '/eins.xml')
    const broken: TickWork = {
      ...work,
      get collecting(): TickWork['collecting'] {
        throw new Error('no network')
      },
    }
    const report = await tickAt(TUESDAY_SLOT, broken)
    expect(report).toMatchObject({ sent: 1, troubles: [{ part: 'collect', reason: 'no network' }] })
  })

  test('does not hold up digests for a source that does not answer', async () => {
    const { tagblatt } = await addEva(db)
    const silent = await addFeed(tagblatt, '/stumm.xml')
    feeds.set('/stumm.xml', { kind: 'silent' })
    const patient = { ...work, collecting: { ...work.collecting, limits: { timeoutMs: 3_000 } } }
    const hasty = {
      ...clockFrom(at(TUESDAY_SLOT)),
      sleep: (ms: number, signal?: AbortSignal) => sleep(ms / 50, signal),
    }
    const ticking = runTick(db, patient, hasty)
    await smtp.received(1)
    expect(await db.$count(sql`source where id = ${silent} and last_fetched_at is null`)).toBe(1)
    expect(await ticking).toMatchObject({ sent: 1, collected: { sources: 1, failed: 1 }, troubles: [] })
  })

  test('reports a relay that does not answer; its digests are sent later, once', async () => {
    await addEva(db)
    const report = await tickAt(TUESDAY_SLOT, await workWith('smtp://127.0.0.1:1', 1))
    expect(report).toMatchObject({ sent: 0, deferred: 1, troubles: [{ part: 'deliver' }] })
    expect(await tickAt('2026-05-05T07:00:00Z')).toMatchObject({ sent: 1, deferred: 0, troubles: [] })
    expect(recipients()).toEqual(['eva@leser.example'])
  })

  test('that is stopped begins no further part', async () => {
    await addEva(db)
    const report = await runTick(db, work, clockFrom(at(TUESDAY_SLOT)), AbortSignal.abort())
    expect(report).toMatchObject({ planned: [], sent: 0, troubles: [] })
    expect(await readSlots(db)).toEqual([])
  })
})

describe('sources', () => {
  const asked = () => feeds.asked.filter(({ path }) => path === '/nah.xml').length

  test('are fetched once in the ten minutes before a slot, besides their own times', async () => {
    const tagblatt = await addTagblatt(db)
    await addReader(db, tagblatt, 'eva', {}, MONDAY)
    feeds.set('/nah.xml', rss('a'))
    await addFeed(tagblatt, '/nah.xml')
    const before = asked()
    const times: number[] = []
    for (const time of ['04:46', '04:49', '04:50', '04:51', '04:59', '05:00', '05:04', '05:06'])
      times.push(await tickAt(`2026-05-05T${time}:00Z`).then(() => asked() - before))
    // At 04:46 its own time has come, at 04:50 the slot is near, at 05:06 a quarter of an hour is over.
    expect(times).toEqual([1, 1, 2, 2, 2, 2, 2, 3])
  })

  test('of a paused newsletter, or of a cohort without readers, keep to their own times', async () => {
    const tagblatt = await addTagblatt(db, { hour: 20 })
    await db.execute(sql`
      insert into cohort (newsletter_id, frequency, hour, zone, next_due_at)
      values (${tagblatt.id}, 'daily', 7, 'Europe/Berlin', ${TUESDAY_SLOT})`)
    const paused = await addTagblatt(db, { slug: 'pause' })
    await db.execute(sql`update newsletter set state = 'paused' where id = ${paused.id}`)
    feeds.set('/nah.xml', rss('a'))
    for (const newsletter of [tagblatt, paused]) await addFeed(newsletter, '/nah.xml')
    const before = asked()
    for (const time of ['04:46', '04:50', '04:59']) await tickAt(`2026-05-05T${time}:00Z`)
    expect(asked() - before).toBe(1)
  })

  test('that fail keep to their own times, and hold up no digest', async () => {
    const { tagblatt } = await addEva(db)
    await addFeed(tagblatt, '/fehlt.xml')
    expect((await tickAt('2026-05-05T04:46:00Z')).collected).toMatchObject({ failed: 1 })
    expect((await tickAt('2026-05-05T04:50:00Z')).collected).toMatchObject({ sources: 0 })
    expect(await tickAt(TUESDAY_SLOT)).toMatchObject({ sent: 1, troubles: [] })
  })

  test('are fetched again once a clock that was wrong by days is right', async () => {
    const tagblatt = await addTagblatt(db)
    feeds.set('/nah.xml', rss('a'))
    await addFeed(tagblatt, '/nah.xml')
    await tickAt('2026-06-20T12:00:00Z')
    const before = asked()
    await tickAt('2026-05-04T12:00:00Z')
    await tickAt('2026-05-04T12:01:00Z')
    expect(asked() - before).toBe(1)
  })
})

describe('a clock that is set back', () => {
  test('by an hour brings nothing twice', async () => {
    const { tagblatt, reader, entry: first } = await addEva(db)
    await tickAt('2026-05-05T05:30:00Z')
    const second = await addEntry(db, tagblatt, at('2026-05-05T04:35:00Z'))
    for (const time of ['04:30', '04:59', '05:00', '05:01', '05:30']) await tickAt(`2026-05-05T${time}:00Z`)
    expect(recipients()).toEqual(['eva@leser.example'])
    expect(await readSlots(db)).toMatchObject([{ slot: TUESDAY_SLOT, state: 'finished', readers: 1 }])
    await tickAt('2026-05-06T05:00:00Z')
    expect(await readReceived(db, reader)).toEqual([[first], [second]])
  })

  test('after it was ten days ahead still brings the digests of these days', async () => {
    const { tagblatt, reader, entry: first } = await addEva(db)
    await tickAt('2026-05-14T06:00:00Z')
    expect((await readSlots(db)).filter(({ state }) => state === 'missed')).toHaveLength(9)
    await tickAt('2026-05-04T13:00:00Z')
    const second = await addEntry(db, tagblatt, at('2026-05-04T14:00:00Z'))
    await tickAt(TUESDAY_SLOT)
    expect(await readReceived(db, reader)).toEqual([[first], [second]])
    expect((await readSlots(db)).map(({ slot, state }) => [slot, state])).toEqual([
      [TUESDAY_SLOT, 'finished'],
      ['2026-05-14T05:00:00Z', 'finished'],
    ])
  })
})
