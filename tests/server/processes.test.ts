import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { afterAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { openDatabase } from '../../src/db/client.ts'
import { openJobs } from '../../src/db/jobs.ts'
import { copyDatabase } from '../support/database.ts'
import { startSink } from '../support/smtp.ts'
import { makeWorld } from '../support/world.ts'
import { environmentOf, readStanding, type Serving, startServing, useDatabase } from './start-server.ts'

const onPostgres = process.env.COURANT_TEST_ENGINE === 'postgres'
/** Three batches. */
const READERS = 1200
const CONNECTIONS = 4
/** A dead worker's lease, and the tick after it. */
const TAKEN_OVER_MS = 90_000

const servers: Serving[] = []
afterAll(async () => {
  for (const { child, ended } of servers) {
    child.kill('SIGKILL')
    await ended
  }
  if (!onPostgres) console.info('skipped: several servers take PostgreSQL; an embedded database belongs to one')
})

describe.runIf(onPostgres)('two schedulers and three workers on one PostgreSQL', () => {
  test('create one edition of a late slot, reach each reader once, and survive the death of a worker', async () => {
    const { url } = await copyDatabase()
    const smtp = await startSink()
    const environment = environmentOf(url, `${smtp.url}?connections=${CONNECTIONS}`)
    await addDueNewsletter(url, 'morgen')

    const roles = ['scheduler', 'scheduler', 'worker', 'worker', 'worker']
    servers.push(...(await Promise.all(roles.map((role) => startServing(environment, role)))))
    await smtp.received(READERS)
    await expect.poll(() => readStanding(url), { timeout: 20_000 }).toEqual({ sent: READERS, held: 0 })
    await expect
      .poll(() => readEditions(url), { timeout: 20_000 })
      .toEqual([{ newsletter: 'morgen', state: 'finished' }])
    expect(smtp.messages).toHaveLength(READERS)
    expect(new Set(smtp.messages.map((message) => message.to)).size).toBe(READERS)

    smtp.hold()
    await addDueNewsletter(url, 'abend')
    await wakePlanning(url)
    await expect.poll(async () => (await readOwners(url)).size, { timeout: 30_000 }).toBe(3)
    await smtp.received(READERS + 3 * CONNECTIONS)
    const owners = await readOwners(url)
    const victim = servers.find(({ child }) => owners.has(String(child.pid)))
    if (victim === undefined) throw new Error('no worker was sending')
    victim.child.kill('SIGKILL')
    await victim.ended
    smtp.release()
    await expect.poll(() => readStanding(url), { timeout: TAKEN_OVER_MS }).toEqual({ sent: 2 * READERS, held: 0 })

    const copies = Map.groupBy(smtp.messages, (message) => message.to)
    expect(copies.size).toBe(2 * READERS)
    const repeated = [...copies.values()].filter((messages) => messages.length > 1)
    expect(smtp.messages.length - 2 * READERS).toBeLessThanOrEqual(CONNECTIONS)
    for (const messages of repeated) expect(new Set(messages.map(({ raw }) => messageId(raw))).size).toBe(1)
    await expect
      .poll(() => readEditions(url), { timeout: TAKEN_OVER_MS })
      .toEqual([
        { newsletter: 'morgen', state: 'finished' },
        { newsletter: 'abend', state: 'finished' },
      ])

    for (const { child } of servers) child.kill('SIGTERM')
    const ends = await Promise.all(servers.map((server) => server.ended))
    expect(ends.map((end) => end.code)).toEqual(servers.map((server) => (server === victim ? null : 0)))
    await smtp.close()
  }, 240_000)
})

/** A newsletter whose slot of this hour is due, and was not planned yet. */
async function addDueNewsletter(url: string, slug: string): Promise<void> {
  const slot = systemClock.now().toZonedDateTimeISO('UTC').round({ smallestUnit: 'hour', roundingMode: 'floor' })
  await useDatabase(url, async (db) => {
    const world = await makeWorld(db, slug)
    const cohortId = await world.addCohort('UTC', slot.hour)
    await world.addReaders(READERS, { cohortId })
    await world.addArticles(3)
    await db.execute(sql`update cohort set next_due_at = ${slot.toInstant().toString()} where id = ${cohortId}`)
  })
}

/** Wakes a worker as a scheduler does, so that the test need not wait for the next minute. */
async function wakePlanning(url: string): Promise<void> {
  const opened = await openDatabase(url, 2)
  const jobs = await openJobs(opened, pino({ level: 'silent' }))
  await jobs.wake('plan')
  await jobs.close()
  await opened.close()
}

/** Reads the ids of the processes that have leased a batch. */
async function readOwners(url: string): Promise<ReadonlySet<string | undefined>> {
  const rows = await useDatabase(url, (db) =>
    db.execute<{ owner: string }>(sql`select owner from batch where owner is not null order by id`),
  )
  return new Set(rows.rows.map(({ owner }) => owner.split(':')[1]))
}

async function readEditions(url: string): Promise<readonly { newsletter: string; state: string }[]> {
  return useDatabase(url, async (db) => {
    const rows = await db.execute<{ newsletter: string; state: string }>(
      sql`select n.slug as newsletter, e.state from edition e join newsletter n on n.id = e.newsletter_id order by e.id`,
    )
    return rows.rows
  })
}

const messageId = (raw: Buffer) => /^Message-ID: (.*)$/im.exec(raw.toString('latin1'))?.[1]
