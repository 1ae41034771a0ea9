import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { collectSources } from '../articles/collect.ts'
import { makeUserAgent } from '../articles/fetch/user-agent.ts'
import { attachSource } from '../articles/sources/attach.ts'
import type { Clock } from '../clock.ts'
import { type OpenDatabase, openDatabase } from '../db/client.ts'
import { migrateDatabase } from '../db/migrate.ts'
import { CourantError } from '../errors.ts'
import { addNewsletter, type Newsletter } from '../newsletters/newsletters.ts'
import { newNewsletter } from '../newsletters/settings.ts'
import { signUp } from '../subscribers/signup/sign-up.ts'
import { DEMO_READERS } from './demo-readers.ts'
import { type LocalMailbox, startMailbox } from './mailbox/mailbox-server.ts'
import { type Publications, startPublications } from './press/publications.ts'

/** The whole system on its own: newspapers, database, mailbox, a newsletter with its readers, articles collected. */
export type Demo = {
  readonly opened: OpenDatabase
  readonly databaseUrl: string
  readonly newsletter: Newsletter
  readonly publications: Publications
  readonly mailbox: LocalMailbox
  readonly close: () => Promise<void>
}

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
}

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
    const newsletter = await addNewsletter(opened.db, newNewsletter.parse(NEWSLETTER), clock.now())
    for (const feed of publications.feeds)
      await attachSource(
        opened.db,
        { url: feed.url, newsletterId: newsletter.id, backfillDays: null, allowPrivate: true },
        clock.now(),
      )
    await collectDemo(opened, clock)
    await subscribeReaders(opened, newsletter, clock)
    return { opened, databaseUrl, newsletter, publications, mailbox, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Collects the demo's newspapers, which are on this machine. */
export async function collectDemo({ db }: OpenDatabase, clock: Clock): Promise<number> {
  const collected = await collectSources(db, {
    sourceIds: null,
    clock,
    userAgent: makeUserAgent('https://example.org'),
    allowPrivate: true,
  })
  return collected.new
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

async function subscribeReaders({ db }: OpenDatabase, newsletter: Newsletter, clock: Clock): Promise<void> {
  const requests = DEMO_READERS.map((reader) => ({
    newsletterId: newsletter.id,
    address: reader.email,
    name: reader.name,
    locale: reader.locale,
    format: null,
    schedule: { frequency: reader.frequency, weekday: reader.weekday, hour: reader.hour, zone: reader.timeZone },
    topics: reader.topics,
    by: 'administrator' as const,
    confirmed: { evidence: EVIDENCE, at: clock.now() },
  }))
  await signUp(db, requests, clock.now())
}
