import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { Temporal } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import { article, entry } from '../../src/db/schema/article.ts'
import { cohort, newsletter, topic } from '../../src/db/schema/newsletter.ts'
import { source } from '../../src/db/schema/source.ts'
import { subscriber, subscription } from '../../src/db/schema/subscriber.ts'

/** Noon of an ordinary Monday. */
export const NOON = Temporal.Instant.from('2026-05-04T12:00:00Z')

type Frequency = (typeof cohort.$inferSelect)['frequency']

/** A newsletter with its home cohort, and short words to put articles and readers into it. */
export type World = {
  readonly newsletterId: number
  readonly cohortId: number
  readonly sourceId: number
  /** Adds a cohort; its watermark is 0 unless given. */
  readonly addCohort: (zone: string, hour: number, frequency?: Frequency, seenEntryId?: number) => Promise<number>
  /** Adds `count` articles, each an entry; returns the entries' ids in order. */
  readonly addArticles: (count: number, topics?: readonly number[]) => Promise<readonly number[]>
  readonly addTopic: (name: string) => Promise<number>
  /** Adds active readers; returns their subscriptions' ids in order. */
  readonly addReaders: (count: number, reader?: ReaderChoice) => Promise<readonly number[]>
}

type ReaderChoice = {
  readonly topics?: readonly number[]
  readonly locale?: 'de' | 'en'
  readonly format?: 'html' | 'plain'
  readonly cohortId?: number
  readonly state?: 'pending' | 'active' | 'paused' | 'unsubscribed'
  readonly seenEntryId?: number | null
  readonly zone?: string
}

/** Makes a newsletter with one source and its home cohort at 7:00 in Berlin. */
export async function makeWorld(db: Database, slug = 'morgen'): Promise<World> {
  const [made] = await db
    .insert(newsletter)
    .values({
      slug,
      name: 'Der Morgen',
      locale: 'de',
      zone: 'Europe/Berlin',
      hour: 7,
      fromAddress: 'redaktion@example.org',
      fromName: 'Der Morgen',
      imprint: 'Verlag Beispiel, Musterweg 1, 10115 Berlin',
      frequency: 'daily',
      createdAt: NOON,
    })
    .returning({ id: newsletter.id })
  const newsletterId = made?.id ?? 0
  const [feed] = await db
    .insert(source)
    .values({
      kind: 'feed',
      url: `https://example.org/${slug}.xml`,
      feedUrl: `https://example.org/${slug}.xml`,
      title: 'Beispielblatt',
      createdAt: NOON,
    })
    .returning({ id: source.id })
  const sourceId = feed?.id ?? 0
  const addCohort: World['addCohort'] = async (zone, hour, frequency = 'daily', seenEntryId = 0) => {
    const rows = await db
      .insert(cohort)
      .values({ newsletterId, frequency, hour, zone, seenEntryId })
      .returning({ id: cohort.id })
    return rows[0]?.id ?? 0
  }
  const cohortId = await addCohort('Europe/Berlin', 7)
  await db.execute(sql`update cohort set home = true where id = ${cohortId}`)
  let articles = 0
  let readers = 0
  return {
    newsletterId,
    cohortId,
    sourceId,
    addCohort,
    addTopic: async (name) => {
      const rows = await db
        .insert(topic)
        .values({ newsletterId, key: name.toLowerCase(), name, createdAt: NOON })
        .returning({ id: topic.id })
      return rows[0]?.id ?? 0
    },
    addArticles: async (count, topics = []) => {
      const rows = Array.from({ length: count }, () => articleRow(sourceId, slug, ++articles))
      const made = await db.insert(article).values(rows).returning({ id: article.id })
      const entries = made.map(({ id }) => ({ newsletterId, articleId: id, topics: [...topics], createdAt: NOON }))
      return (await db.insert(entry).values(entries).returning({ id: entry.id })).map(({ id }) => id)
    },
    addReaders: async (count, reader = {}) => {
      const rows = Array.from({ length: count }, () => readerRow(`leser${++readers}@${slug}.example`, reader))
      const ids: number[] = []
      for (let at = 0; at < rows.length; at += 2000) {
        const made = await db
          .insert(subscriber)
          .values(rows.slice(at, at + 2000))
          .returning({ id: subscriber.id })
        const subscriptions = made.map(({ id }) => ({
          newsletterId,
          subscriberId: id,
          state: reader.state ?? ('active' as const),
          cohortId: reader.cohortId ?? cohortId,
          topics: [...(reader.topics ?? [])],
          seenEntryId: reader.seenEntryId ?? null,
          confirmedAt: NOON,
          createdAt: NOON,
        }))
        ids.push(
          ...(await db.insert(subscription).values(subscriptions).returning({ id: subscription.id })).map(
            (row) => row.id,
          ),
        )
      }
      return ids
    },
  }
}

function articleRow(sourceId: number, slug: string, number: number): typeof article.$inferInsert {
  return {
    sourceId,
    url: `https://example.org/${slug}/${number}`,
    urlKey: `example.org/${slug}/${number}`,
    title: `Nachricht Nummer ${number}`,
    titleKey: `nachricht nummer ${number}`,
    summary: `Was in Nachricht ${number} steht, in einem ganzen Satz.`,
    textHash: String(number),
    publishedAt: NOON.subtract({ hours: 1 }),
    createdAt: NOON,
    updatedAt: NOON,
  }
}

function readerRow(email: string, reader: ReaderChoice): typeof subscriber.$inferInsert {
  return {
    email,
    emailKey: email,
    emailHash: randomBytes(32),
    locale: reader.locale ?? 'de',
    format: reader.format ?? 'html',
    createdAt: NOON,
  }
}
