import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { type Sender, sendDue, sendEdition } from '../../src/delivery/worker.ts'
import { countDeliveries } from '../../src/editions/reports/counts.ts'
import { fastClock } from '../support/clock.ts'
import { freshDatabase, freshSinks } from '../support/fresh.ts'
import { planByHand } from '../support/planned.ts'
import { senderTo } from '../support/sender.ts'
import type { Sink } from '../support/smtp.ts'
import { makeWorld, NOON, type World } from '../support/world.ts'

const { db, truncate } = await freshDatabase()
const sink = freshSinks()

const idsOf = (smtp: Sink) =>
  smtp.messages.map(({ to, raw }) => `${to} ${/^Message-ID: .*$/im.exec(raw.toString())?.[0]}`)

/** Lets the next so many commits of this state fail with this code; a sequence counts them, which no rollback takes back. */
async function failCommits(state: string, times: number, code: string, onlySeq: number | null = null): Promise<void> {
  await db.execute(
    sql.raw(`
    create sequence planted;
    create function fail_planted() returns trigger language plpgsql as $$ begin
      if new.state = '${state}' ${onlySeq === null ? '' : `and new.seq = ${onlySeq}`} and old.state = 'sending' and nextval('planted') <= ${times} then
        raise exception 'planted' using errcode = '${code}';
      end if;
      return new;
    end $$;
    create trigger planted before update on delivery for each row execute function fail_planted()`),
  )
}

async function stopFailing(): Promise<void> {
  await db.execute(sql`drop trigger if exists planted on delivery`)
  await db.execute(sql`drop function if exists fail_planted`)
  await db.execute(sql`drop sequence if exists planted`)
}

async function planned(readers: number): Promise<{ world: World; edition: number }> {
  await stopFailing()
  const world = await makeWorld(db)
  await world.addReaders(readers)
  await world.addArticles(3)
  return { world, edition: await planByHand(db, world) }
}

/** A sender whose log is kept. */
async function logging(url: string): Promise<{ sender: Sender; events: () => readonly Record<string, unknown>[] }> {
  const lines: string[] = []
  const log = pino({ base: null }, { write: (line: string) => void lines.push(line) })
  return { sender: { ...(await senderTo(url)), log }, events: () => lines.map((line) => JSON.parse(line)) }
}

describe('what a relay has accepted', () => {
  test.each(['40P01', '57P01', 'P0001'])(
    'is recorded once commits go through again, and reaches nobody twice: six failures with %s',
    async (code) => {
      const { world, edition } = await planned(50)
      const smtp = await sink()
      const { sender, events } = await logging(`${smtp.url}?connections=5`)
      await failCommits('sent', 6, code)

      await sendEdition(db, sender, edition, fastClock(NOON, 20))
      await planByHand(db, world)
      await sendDue(db, sender, null, fastClock(NOON.add({ minutes: 1 }), 20))

      expect(idsOf(smtp)).toHaveLength(50)
      expect(new Set(idsOf(smtp)).size).toBe(50)
      expect(await countDeliveries(db, edition)).toMatchObject({ planned: 50, sent: 50 })
      expect(events().filter(({ msg }) => msg === 'outcomes.not_recorded')).not.toHaveLength(0)
      expect(events().filter(({ msg }) => msg === 'outcomes.recorded')).not.toHaveLength(0)
    },
  )

  test('ends as possibly sent, not as never tried, where the sending is stopped before it can be recorded', async () => {
    const { world, edition } = await planned(6)
    const smtp = await sink()
    const stopping = new AbortController()
    await failCommits('sent', 1000, '40P01')
    const sender = await senderTo(`${smtp.url}?connections=3`)
    const sending = sendDue(db, sender, edition, fastClock(NOON, 40), { signal: stopping.signal })
    await smtp.received(3)
    stopping.abort()
    await expect(sending).rejects.toThrow()
    const rows = await db.execute(
      sql`select state, ambiguous, attempts, count(*) as n from delivery group by 1, 2, 3 order by 2`,
    )
    expect(rows.rows).toEqual([
      { state: 'queued', ambiguous: false, attempts: 0, n: 3 },
      { state: 'queued', ambiguous: true, attempts: 1, n: 3 },
    ])
    await stopFailing()

    // Their readers are not planned anew: the same message is repeated, once a connection.
    await world.addArticles(1)
    const next = await planByHand(db, world)
    await sendDue(db, sender, null, fastClock(NOON.add({ minutes: 1 }), 20))
    const ids = new Map(Map.groupBy(idsOf(smtp), (id) => id))
    const repeated = [...ids.values()].filter(({ length }) => length > 1)
    expect(repeated.map(({ length }) => length)).toEqual([2, 2, 2])
    expect(await countDeliveries(db, edition)).toMatchObject({ sent: 3, superseded: 3 })
    expect(await countDeliveries(db, next)).toMatchObject({ planned: 3, sent: 3 })
  })

  test('is recorded though another outcome of the same commit cannot be written', async () => {
    const { edition } = await planned(9)
    const smtp = await sink()
    const { sender, events } = await logging(`${smtp.url}?connections=3`)
    await failCommits('sent', 1000, '23514', 2)
    const stopping = new AbortController()
    const sending = sendDue(db, sender, edition, fastClock(NOON, 20), {
      signal: stopping.signal,
      onRecorded: () => void countDeliveries(db, edition).then(({ sent }) => sent === 8 && stopping.abort()),
    })
    await expect(sending).rejects.toThrow()
    expect(await countDeliveries(db, edition)).toMatchObject({ sent: 8, queued: 1 })
    const kept = await db.execute(sql`select seq, state, ambiguous from delivery where state <> 'sent'`)
    expect(kept.rows).toEqual([{ seq: 2, state: 'queued', ambiguous: true }])
    expect(idsOf(smtp)).toHaveLength(9)
    expect(events().find(({ msg }) => msg === 'outcomes.not_recorded')).toMatchObject({ reason: 'planted' })
    await stopFailing()
  })
})

test('the database of these tests is as it was', async () => {
  await stopFailing()
  await truncate()
  expect((await db.execute(sql`select tgname from pg_trigger where tgname = 'planted'`)).rows).toEqual([])
})
