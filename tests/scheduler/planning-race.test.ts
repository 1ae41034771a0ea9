import { sql } from 'drizzle-orm'
import { afterAll, describe, expect, test } from 'vitest'
import type { Clock } from '../../src/clock.ts'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { markSlotMissed } from '../../src/editions/plan/missed.ts'
import { planEdition } from '../../src/editions/plan/plan.ts'
import { skipCohortsWithoutNews } from '../../src/editions/plan/skip-empty.ts'
import { makeSlotRequest } from '../../src/editions/plan-request.ts'
import { CourantError } from '../../src/errors.ts'
import type { Newsletter } from '../../src/newsletters/newsletters.ts'
import { type PlanWork, planDue } from '../../src/scheduler/plan-due.ts'
import { handClock } from '../support/clock.ts'
import { freshDatabase } from '../support/fresh.ts'
import {
  addEntry,
  addEva,
  addReader,
  addTagblatt,
  readReceived,
  readSlots,
  sendAll,
  WORK,
} from './newsletter-fixtures.ts'
import { at, MONDAY, TUESDAY_SLOT, WEDNESDAY_SLOT } from './times.ts'

const { db, truncate, url } = await freshDatabase()
const second = await openDatabase(url)
afterAll(second.close)

const planAt = (now: string, database: Database = db) => planDue(database, WORK, handClock(at(now)))

/** Two cohorts of the Tuesday slot, each so large that it is a slice of its own. */
async function addTwoSlices(newsletter: Newsletter): Promise<readonly number[]> {
  const readers = [
    await addReader(db, newsletter, 'eva', {}, MONDAY),
    await addReader(db, newsletter, 'tom', { zone: 'Etc/UTC', hour: 5 }, MONDAY),
  ]
  await db.execute(sql`update cohort set members = 100000`)
  return readers
}

/** A connection that dies when it begins one more transaction than this. */
function dieAfter(transactions: number): Database {
  let left = transactions
  return new Proxy(db, {
    get: (target, name) => {
      if (name === 'transaction') {
        left -= 1
        if (left < 0) return () => Promise.reject(new Error('the planner was killed'))
      }
      const member = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

describe('two schedulers', () => {
  test('that plan at the same time create one edition a slot, and plan each reader once', async () => {
    const tagblatt = await addTagblatt(db)
    const readers: number[] = []
    for (const [index, zone] of ['Europe/Berlin', 'Africa/Cairo', 'Europe/Rome', 'Etc/UTC'].entries())
      for (let n = 0; n < 3; n++) {
        const hour = [7, 8, 7, 5][index] ?? 0
        readers.push(await addReader(db, tagblatt, `${index}${n}`, { zone, hour }, MONDAY))
      }
    await db.execute(sql`update cohort set members = 100000`)
    const entries: number[] = []
    for (const slot of [TUESDAY_SLOT, WEDNESDAY_SLOT, '2026-05-07T05:00:00Z']) {
      entries.push(await addEntry(db, tagblatt, at(slot).subtract({ hours: 1 })))
      const plans = await Promise.all([planAt(slot), planAt(slot, second.db), planAt(slot), planAt(slot, second.db)])
      expect(plans.flatMap((plan) => [...plan.waiting, ...plan.missed])).toEqual([])
      await sendAll(db)
    }
    const slots = await readSlots(db)
    expect(slots.map(({ slot }) => slot)).toEqual([TUESDAY_SLOT, WEDNESDAY_SLOT, '2026-05-07T05:00:00Z'])
    expect(slots.map((slot) => slot.readers)).toEqual([12, 12, 12])
    for (const reader of readers) expect(await readReceived(db, reader)).toEqual(entries.map((entry) => [entry]))
  })
})

describe('a scheduler that is slow', () => {
  test('finds that the cohorts have moved past its slot, and creates no edition for it any more', async () => {
    const tagblatt = await addTagblatt(db)
    const reader = await addReader(db, tagblatt, 'eva', {}, MONDAY)
    const cohorts = await db.execute<{ id: number }>(sql`select id from cohort`)
    await planAt(TUESDAY_SLOT)
    const entry = await addEntry(db, tagblatt, at('2026-05-05T05:00:30Z'))
    const order = makeSlotRequest(
      tagblatt,
      { frequency: 'daily', at: at(TUESDAY_SLOT) },
      cohorts.rows.map(({ id }) => id),
    )
    const clock = handClock(at('2026-05-05T05:01:00Z'))
    expect(await skipCohortsWithoutNews(db, order, clock)).toEqual([])
    expect(await planEdition(db, order, clock)).toEqual({ edition: null, created: false })
    expect(await markSlotMissed(db, order, 'late', clock)).toBe(false)
    expect(await readSlots(db)).toEqual([])
    await planAt(WEDNESDAY_SLOT)
    expect(await readReceived(db, reader)).toEqual([[entry]])
  })
})

describe('a planner that dies', () => {
  test('between two slices is replaced by another: the same edition, each reader once', async () => {
    const tagblatt = await addTagblatt(db)
    const readers = await addTwoSlices(tagblatt)
    const first = await addEntry(db, tagblatt, MONDAY)
    const { waiting } = await planAt(TUESDAY_SLOT, dieAfter(2))
    expect(waiting).toMatchObject([{ reason: 'the planner was killed' }])
    expect(await readSlots(db)).toMatchObject([{ state: 'planning', readers: 1 }])
    // What is added meanwhile is in this slot's edition for neither.
    const late = await addEntry(db, tagblatt, at('2026-05-05T05:00:30Z'))

    const { planned } = await planAt('2026-05-05T05:01:00Z')
    expect(planned).toMatchObject([{ state: 'sending', planned: 2 }])
    expect(await readSlots(db)).toMatchObject([{ slot: TUESDAY_SLOT, state: 'sending', readers: 2 }])
    await sendAll(db)
    await planAt(WEDNESDAY_SLOT)
    for (const reader of readers) expect(await readReceived(db, reader)).toEqual([[first], [late]])
  })

  test('after the last slice leaves an edition that the next tick opens', async () => {
    await addEva(db)
    await planAt(TUESDAY_SLOT)
    await db.execute(sql`update edition set state = 'planning', planned_at = null`)
    await planAt('2026-05-05T05:01:00Z')
    expect(await readSlots(db)).toMatchObject([{ state: 'sending' }])
  })

  test('until the slot is over leaves its edition to the readers that were planned; the others get the next one', async () => {
    const tagblatt = await addTagblatt(db)
    const readers = await addTwoSlices(tagblatt)
    const entry = await addEntry(db, tagblatt, MONDAY)
    await planAt(TUESDAY_SLOT, dieAfter(2))
    const { planned } = await planAt('2026-05-06T05:00:30Z')
    expect(planned).toMatchObject([{ slotAt: at(WEDNESDAY_SLOT), planned: 1 }])
    expect((await readSlots(db)).map(({ state, readers }) => [state, readers])).toEqual([
      ['sending', 1],
      ['sending', 1],
    ])
    for (const reader of readers) expect(await readReceived(db, reader)).toEqual([[entry]])
  })

  test('during a manual edition is noticed after ten minutes', async () => {
    const tagblatt = await addTagblatt(db)
    await db.execute(sql`
      insert into edition (public_id, newsletter_id, state, bound_entry_id, nonce, created_at)
      values ('x', ${tagblatt.id}, 'planning', 0, '', ${MONDAY.toString()})`)
    const state = async () => (await db.execute(sql`select state from edition`)).rows
    await planAt('2026-05-04T12:09:00Z')
    expect(await state()).toEqual([{ state: 'planning' }])
    await planAt('2026-05-04T12:10:00Z')
    expect(await state()).toEqual([{ state: 'finished' }])
  })
})

describe('a cohort that is added to its slot late', () => {
  const addLate = async (newsletter: Newsletter) => {
    const reader = await addReader(db, newsletter, 'tom', { zone: 'Etc/UTC', hour: 5 }, MONDAY)
    await db.execute(sql`update cohort set next_due_at = ${TUESDAY_SLOT} where zone = 'Etc/UTC'`)
    return reader
  }

  test('gets the articles of the edition that exists', async () => {
    const { tagblatt, entry } = await addEva(db)
    await planAt(TUESDAY_SLOT)
    await sendAll(db)
    const after = await addEntry(db, tagblatt, at('2026-05-05T05:10:00Z'))
    const late = await addLate(tagblatt)
    await planAt('2026-05-05T05:20:00Z')
    expect(await readSlots(db)).toMatchObject([{ slot: TUESDAY_SLOT, state: 'sending', readers: 2 }])
    await planAt(WEDNESDAY_SLOT)
    expect((await readReceived(db, late)).flat().sort()).toEqual([entry, after])
  })

  test('moves past it when the edition was cancelled or missed, and gets its articles with the next', async () => {
    for (const state of ['cancelled', 'missed']) {
      await truncate()
      const tagblatt = await addTagblatt(db)
      const entry = await addEntry(db, tagblatt, MONDAY)
      await planAt(TUESDAY_SLOT)
      await db.execute(sql`update edition set state = ${state}`)
      const late = await addLate(tagblatt)
      expect((await planAt('2026-05-05T05:20:00Z')).planned).toEqual([])
      expect(await readSlots(db)).toMatchObject([{ state, readers: 0 }])
      await planAt(WEDNESDAY_SLOT)
      expect(await readReceived(db, late)).toEqual([[entry]])
    }
  })

  test('joins a paused edition, which stays paused', async () => {
    const { tagblatt } = await addEva(db)
    await planAt(TUESDAY_SLOT)
    await db.execute(sql`update edition set state = 'paused'`)
    await addLate(tagblatt)
    await planAt('2026-05-05T05:20:00Z')
    expect(await readSlots(db)).toMatchObject([{ state: 'paused', readers: 2 }])
  })

  test('loses no article that is newer than the edition, and gets none twice', async () => {
    const tagblatt = await addTagblatt(db)
    await addReader(db, tagblatt, 'eva', {}, MONDAY)
    const [one, two] = [await addEntry(db, tagblatt, MONDAY), await addEntry(db, tagblatt, MONDAY)]
    await planAt(TUESDAY_SLOT)
    await sendAll(db)
    const three = await addEntry(db, tagblatt, at('2026-05-05T05:10:00Z'))
    const behind = await addLate(tagblatt)
    const ahead = await addReader(db, tagblatt, 'ida', { zone: 'Etc/UTC', hour: 5 }, MONDAY)
    // Sent by hand: the cohort has seen all, one reader's delivery failed, and another got everything from another edition.
    await db.execute(
      sql`update cohort set seen_entry_id = ${three}, next_due_at = ${TUESDAY_SLOT} where zone = 'Etc/UTC'`,
    )
    await db.execute(sql`update subscription set seen_entry_id = ${one} where id = ${behind}`)
    await db.execute(sql`update subscription set seen_entry_id = null where id = ${ahead}`)
    await planAt('2026-05-05T05:20:00Z')
    await sendAll(db)
    await planAt(WEDNESDAY_SLOT)
    expect(await readReceived(db, behind)).toEqual([[two], [three]])
    expect(await readReceived(db, ahead)).toEqual([])
  })
})

describe('a newsletter that cannot be planned', () => {
  const addTwo = async () => {
    const stuck = await addTagblatt(db, { accent: '#112233' })
    const other = await addTagblatt(db, { slug: 'anderes' })
    for (const newsletter of [stuck, other]) {
      await addReader(db, newsletter, 'eva', {}, MONDAY)
      await addEntry(db, newsletter, MONDAY)
    }
    return { stuck, other }
  }

  test('because a worker keeps a batch is tried again with the next tick, and holds up no other', async () => {
    const { stuck } = await addTwo()
    await planAt(TUESDAY_SLOT)
    await db.execute(sql`
      update batch set lease_until = ${'2026-05-06T06:00:00Z'}
      where edition_id in (select id from edition where newsletter_id = ${stuck.id})`)
    for (const id of [stuck.id, stuck.id + 1]) await addEntry(db, { ...stuck, id }, at('2026-05-05T12:00:00Z'))
    let askedMs = 0
    const hurried: Clock = { ...handClock(at(WEDNESDAY_SLOT)), monotonicMs: () => (askedMs += 15_000) }
    const { planned, waiting } = await planDue(db, WORK, hurried)
    expect(planned.map(({ newsletter }) => newsletter)).toEqual(['anderes'])
    expect(waiting).toMatchObject([{ newsletter: 'tagblatt', reason: expect.stringContaining('did not give') }])
    const recalled = await db.execute(sql`select recalled_until from batch where recalled_until is not null`)
    expect(recalled.rows).toEqual([])

    await db.execute(sql`update batch set lease_until = null`)
    expect((await planAt('2026-05-06T05:01:00Z')).planned.map(({ newsletter }) => newsletter)).toEqual(['tagblatt'])
  })

  test('because a template is invalid is reported with the reason, and holds up no other', async () => {
    await addTwo()
    const { templates } = WORK.sender.context
    const htmlFor: typeof templates.digest.htmlFor = (look) => {
      if (look.accent !== '#112233') return templates.digest.htmlFor(look)
      throw new CourantError('template.invalid', { what: 'Line 12 is wrong.' })
    }
    const context = {
      ...WORK.sender.context,
      templates: { ...templates, digest: { ...templates.digest, htmlFor } },
    }
    const broken: PlanWork = { ...WORK, sender: { context } }
    const { planned, waiting } = await planDue(db, broken, handClock(at(TUESDAY_SLOT)))
    expect(planned.map(({ newsletter }) => newsletter)).toEqual(['anderes'])
    expect(waiting).toMatchObject([{ newsletter: 'tagblatt', reason: 'Line 12 is wrong.' }])
  })

  test('because no relay could accept its messages is reported with the reason, and holds up no other', async () => {
    const { stuck } = await addTwo()
    await db.execute(sql`update newsletter set from_address = 'grüße@tagblatt.example' where id = ${stuck.id}`)
    const { planned, waiting } = await planAt(TUESDAY_SLOT)
    expect(planned.map(({ newsletter }) => newsletter)).toEqual(['anderes'])
    expect(waiting).toMatchObject([
      { newsletter: 'tagblatt', reason: expect.stringContaining('letters beyond ASCII that cannot be encoded') },
    ])
    await db.execute(sql`update newsletter set from_address = 'gruesse@täglich.example' where id = ${stuck.id}`)
    expect((await planAt('2026-05-05T05:01:00Z')).planned.map(({ newsletter }) => newsletter)).toEqual(['tagblatt'])
  })

  test('because its rows are invalid holds up no other', async () => {
    const { stuck } = await addTwo()
    await db.execute(sql`update cohort set zone = 'Mars/Olympus' where newsletter_id = ${stuck.id}`)
    const { planned } = await planAt(TUESDAY_SLOT)
    expect(planned.map(({ newsletter }) => newsletter)).toEqual(['anderes'])
  })
})
