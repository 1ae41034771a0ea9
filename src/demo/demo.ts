import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Clock } from '../clock.ts'
import { attachSource } from '../collect/attach.ts'
import { collectSources } from '../collect/collect.ts'
import { makeUserAgent } from '../collect/http/agent.ts'
import { type Database, type OpenDatabase, openDatabase } from '../db/client.ts'
import { migrateDatabase } from '../db/migrate.ts'
import { enrol } from '../subscribe/enrol/enrol.ts'
import { addNewsletter, type Newsletter } from '../subscribe/newsletters.ts'
import { type Mailbox, startMailbox } from './mailbox.ts'
import { startMailboxPages } from './mailbox-pages.ts'
import { type Publications, startPublications } from './publications.ts'
import { DEMO_READERS } from './readers.ts'
import type { Served } from './serve.ts'

/** The whole system on its own: newspapers, database, mailbox, a newsletter with its readers, articles collected. */
export type Demo = {
  readonly db: Database
  readonly databaseUrl: string
  readonly newsletter: Newsletter
  readonly publications: Publications
  readonly mailbox: Mailbox
  readonly pages: Served
  readonly close: () => Promise<void>
}

const FOLDER = 'data/demo'
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
  rhythm: 'daily',
  intro: 'Guten Tag! Das Wichtigste aus drei Zeitungen, die es nicht gibt.',
}

/**
 * Starts the demo on an empty database of its own; `port` is the mailbox pages'; a free one is taken where it
 * is 0 or in use.
 *
 * @throws CourantError `demo.port`, `database.held`.
 */
export async function startDemo(clock: Clock, port: number): Promise<Demo> {
  const databaseUrl = `pglite://${FOLDER}`
  const [publications, mailbox, opened] = await Promise.all([
    startPublications({ now: clock.now() }),
    startMailbox({ now: clock.now }),
    openEmpty(databaseUrl, clock),
  ])
  const pages = await startMailboxPages(mailbox, port).catch(() => startMailboxPages(mailbox))
  const newsletter = await addNewsletter(opened.db, NEWSLETTER, clock.now())
  for (const feed of publications.feeds)
    await attachSource(
      opened.db,
      { url: feed.url, newsletterId: newsletter.id, backfillDays: null, allowPrivate: true },
      clock.now(),
    )
  await collectDemo(opened.db, clock)
  await subscribeReaders(opened.db, newsletter, clock)
  const close = async () => {
    await Promise.all([pages.close(), publications.close(), mailbox.close(), opened.close()])
  }
  return { db: opened.db, databaseUrl, newsletter, publications, mailbox, pages, close }
}

/** Collects the demo's newspapers, which are on this machine. */
export async function collectDemo(db: Database, clock: Clock): Promise<number> {
  const collected = await collectSources(db, {
    sourceIds: null,
    now: clock.now(),
    userAgent: makeUserAgent('https://example.org'),
    allowPrivate: true,
  })
  return collected.new
}

async function openEmpty(databaseUrl: string, clock: Clock): Promise<OpenDatabase> {
  rmSync(resolve(FOLDER), { recursive: true, force: true })
  const opened = await openDatabase(databaseUrl)
  await migrateDatabase(opened.db, clock.now())
  return opened
}

async function subscribeReaders(db: Database, newsletter: Newsletter, clock: Clock): Promise<void> {
  const enrolments = DEMO_READERS.map((reader) => ({
    newsletterId: newsletter.id,
    address: reader.email,
    name: reader.name,
    locale: reader.locale,
    format: null,
    choice: { rhythm: reader.rhythm, weekday: reader.weekday, hour: reader.hour, zone: reader.timeZone },
    topics: reader.topics,
    by: 'administrator' as const,
    confirmed: { evidence: EVIDENCE, at: clock.now() },
  }))
  await enrol(db, enrolments, clock.now())
}
