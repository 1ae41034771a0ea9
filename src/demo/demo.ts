import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Clock } from '../clock.ts'
import { readConfig } from '../config/config.ts'
import { type OpenDatabase, openDatabase } from '../db/client.ts'
import { migrateDatabase } from '../db/migrate.ts'
import { CourantError } from '../errors.ts'
import { openLog } from '../log.ts'
import { newsletterOperations } from '../operations/newsletters.ts'
import type { OperationContext } from '../operations/operation.ts'
import { perform } from '../operations/perform.ts'
import type { Actor } from '../operations/rights.ts'
import { schedulingOperations } from '../operations/scheduling.ts'
import { sourceOperations } from '../operations/sources.ts'
import { subscriberOperations } from '../operations/subscribers.ts'
import { DEMO_READERS } from './demo-readers.ts'
import { type LocalMailbox, startMailbox } from './mailbox/mailbox-server.ts'
import { type Publications, startPublications } from './press/publications.ts'

/** The whole system on its own: newspapers, database, mailbox, a newsletter with its readers, articles collected. */
export type Demo = {
  readonly opened: OpenDatabase
  readonly databaseUrl: string
  /** Its slug. */
  readonly newsletter: string
  readonly publications: Publications
  readonly mailbox: LocalMailbox
  /** Collects the demo's newspapers, which are on this machine. */
  readonly collect: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Who sets up the demo and sends its digests, in the audit log. */
export const DEMO_ACTOR: Actor = { kind: 'system', name: 'demo' }

const FOLDER = 'data/demo'
const CONNECTIONS = 10
const EVIDENCE = 'made up for the demonstration'
const NEWSLETTER = {
  slug: 'auslese',
  name: 'Die Auslese',
  locale: 'de',
  zone: 'Europe/Berlin',
  hour: 7,
  from: 'Die Auslese <auslese@example.org>',
  imprint:
    'Die Auslese · Beispielverlag GmbH · Musterweg 1 · 10115 Berlin\nVerantwortlich: Mara Muster · auslese@example.org',
  frequency: 'daily',
  intro: 'Guten Tag! Das Wichtigste aus drei Zeitungen, die es nicht gibt.',
} as const

/**
 * Starts the demo on an empty database of its own.
 *
 * @throws CourantError `database.held`.
 */
export async function startDemo(clock: Clock): Promise<Demo> {
  const databaseUrl = `pglite://${FOLDER}`
  const ends: (() => Promise<void>)[] = []
  const close = async () => {
    await Promise.all(ends.map((end) => end()))
  }
  try {
    const publications = await startPublications({ now: clock.now() })
    ends.push(publications.close)
    const mailbox = await startMailbox({ now: clock.now })
    ends.push(mailbox.close)
    const opened = await openEmpty(databaseUrl, clock)
    ends.push(opened.close)
    const context = makeContext(opened, databaseUrl, clock)
    const { slug: newsletter } = await perform(DEMO_ACTOR, newsletterOperations.add, NEWSLETTER, context)
    for (const { url } of publications.feeds)
      await perform(DEMO_ACTOR, sourceOperations.add, { url, newsletter, backfillDays: null }, context)
    const collect = async () => {
      await perform(DEMO_ACTOR, schedulingOperations.collect, {}, context)
    }
    await collect()
    for (const { timeZone, frequency, weekday, hour, topics, ...reader } of DEMO_READERS) {
      const schedule = { timeZone, frequency, weekday: weekday ?? undefined, hour: hour ?? undefined }
      const consent = { confirmed: true, evidence: EVIDENCE }
      const input = { ...reader, ...schedule, ...consent, topics: [...topics], newsletter }
      await perform(DEMO_ACTOR, subscriberOperations.add, input, context)
    }
    return { opened, databaseUrl, newsletter, publications, mailbox, collect, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Empties the database and not its folder: another demo may have it open, and says so by its lock. */
async function openEmpty(databaseUrl: string, clock: Clock): Promise<OpenDatabase> {
  const opened = await openDatabase(databaseUrl, CONNECTIONS, 'alone').catch((error: unknown) => {
    if (!(error instanceof CourantError) || error.code !== 'database.embedded') throw error
    rmSync(resolve(FOLDER), { recursive: true, force: true })
    return openDatabase(databaseUrl, CONNECTIONS, 'alone')
  })
  await opened.pool.query('drop schema if exists public, job cascade')
  await opened.pool.query('create schema public')
  await migrateDatabase(opened.db, clock.now())
  return opened
}

/** The demo runs on this machine alone, with newspapers that only it can reach. */
function makeContext({ db }: OpenDatabase, databaseUrl: string, clock: Clock): OperationContext {
  const config = readConfig({ DATABASE_URL: databaseUrl, COLLECT_ALLOW_PRIVATE: 'true' })
  const log = openLog('silent')
  return { db, clock, config: () => config, log: () => log }
}
