import { and, desc, eq, getTableColumns, inArray } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { article, entry } from '../db/schema/article.ts'
import { cohort, type newsletter } from '../db/schema/newsletter.ts'
import { source } from '../db/schema/source.ts'
import { subscriber, subscription } from '../db/schema/subscriber.ts'
import { CourantError } from '../errors.ts'
import { addressKey } from '../mail/addresses/address.ts'
import type { Reader } from './compose/reader-fields.ts'
import { selectForReader } from './select.ts'
import { readArticle, readPublication, type VariantSource } from './variant.ts'

/** What a digest would be made of, and the reader it would go to. */
export type Preview = { readonly source: VariantSource; readonly reader: Reader }

type Newsletter = typeof newsletter.$inferSelect

type Standing = Pick<VariantSource['digest'], 'locale'> & {
  readonly topics: readonly number[]
  readonly seenEntryId: number
  readonly format: 'html' | 'plain'
  readonly reader: Reader
}

const PREVIEW_ADDRESS = 'leserin@example.org'

/** Whose digest is looked at, and when; the home cohort's without an address. `baseUrl` begins its links. */
type Looking = {
  readonly newsletter: Newsletter
  readonly email: string | null
  readonly baseUrl: string
  readonly now: Temporal.Instant
}

/**
 * What a subscriber, or the home cohort, would get if an edition were planned now; changes nothing.
 *
 * @throws CourantError `subscriber.unknown` when the address does not subscribe.
 */
export async function readPreview(db: Database, looking: Looking): Promise<Preview> {
  const standing = await readStanding(db, looking)
  const entryIds = await selectForReader(db, looking.newsletter.id, standing.topics, standing.seenEntryId)
  return previewOf(looking, standing, await readEntries(db, entryIds))
}

/** The newest articles that match the same reader, though they were sent before; for looking at, as `readPreview`. */
export async function readNewest(db: Database, looking: Looking): Promise<Preview> {
  const standing = await readStanding(db, looking)
  const entryIds = await selectForReader(db, looking.newsletter.id, standing.topics, 0)
  return previewOf(looking, standing, await readEntries(db, entryIds.slice(0, looking.newsletter.maxArticles)))
}

function previewOf(
  { newsletter: of, baseUrl, now }: Looking,
  standing: Standing,
  articles: VariantSource['digest']['articles'],
): Preview {
  const page = `${baseUrl}/archive/${of.slug}`
  return {
    reader: standing.reader,
    source: {
      format: standing.format,
      digest: {
        publication: readPublication(of),
        locale: standing.locale,
        articles,
        at: now,
        intro: of.intro,
        browserUrl: page,
        moreUrl: page,
      },
      edition: { id: 0, publicId: 'preview', nonce: Buffer.alloc(32), at: now, dueAt: now },
      newsletter: of,
    },
  }
}

const readStanding = (db: Database, { newsletter: of, email }: Looking): Promise<Standing> =>
  email === null ? readHome(db, of) : readSubscriber(db, of, email)

async function readHome(db: Database, of: Newsletter): Promise<Standing> {
  const rows = await db
    .select()
    .from(cohort)
    .where(and(eq(cohort.newsletterId, of.id), eq(cohort.home, true)))
    .limit(1)
  const home = rows[0]
  return {
    topics: [],
    seenEntryId: home?.seenEntryId ?? 0,
    locale: of.locale,
    format: 'html',
    reader: {
      email: PREVIEW_ADDRESS,
      name: null,
      tokenVersion: 0,
      since: null,
      frequency: home?.frequency ?? of.frequency,
      weekday: home?.weekday ?? null,
      hour: home?.hour ?? of.hour,
      zone: of.zone,
    },
  }
}

async function readSubscriber(db: Database, of: Newsletter, email: string): Promise<Standing> {
  const rows = await db
    .select({ subscriber, subscription, cohort })
    .from(subscription)
    .innerJoin(subscriber, eq(subscriber.id, subscription.subscriberId))
    .innerJoin(cohort, eq(cohort.id, subscription.cohortId))
    .where(and(eq(subscription.newsletterId, of.id), eq(subscriber.emailKey, addressKey(email))))
    .limit(1)
  const row = rows[0]
  if (row === undefined)
    throw new CourantError('subscriber.unknown', {
      what: `This address does not subscribe to ${of.slug}.`,
      todo: `"courant subscriber list --newsletter ${of.slug}" lists those who do.`,
    })
  return {
    topics: row.subscription.topics,
    seenEntryId: row.subscription.seenEntryId ?? row.cohort.seenEntryId,
    locale: row.subscriber.locale,
    format: row.subscriber.format,
    reader: {
      email: row.subscriber.email,
      name: row.subscriber.name,
      tokenVersion: 0,
      since: row.subscription.confirmedAt,
      frequency: row.cohort.frequency,
      weekday: row.cohort.weekday,
      hour: row.cohort.hour,
      zone: row.cohort.zone,
    },
  }
}

async function readEntries(db: Database, entryIds: readonly number[]): Promise<VariantSource['digest']['articles']> {
  const rows = await db
    .select({ ...getTableColumns(article), entryId: entry.id, source: source.title })
    .from(entry)
    .innerJoin(article, eq(article.id, entry.articleId))
    .innerJoin(source, eq(source.id, article.sourceId))
    .where(inArray(entry.id, [...entryIds]))
    .orderBy(desc(entry.id))
    .limit(Math.max(1, entryIds.length))
  const byEntry = new Map(rows.map((row) => [row.entryId, readArticle({ ...row, source: row.source ?? '' })]))
  return entryIds.flatMap((entryId) => byEntry.get(entryId) ?? [])
}
