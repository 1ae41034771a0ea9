import { type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'

/** A source as it is shown; times in ISO 8601. */
export type ListedSource = {
  readonly id: number
  readonly kind: 'feed' | 'api'
  readonly url: string
  readonly feedUrl: string | null
  readonly title: string | null
  readonly homeUrl: string | null
  readonly language: string | null
  readonly state: 'active' | 'ended'
  readonly newsletters: readonly string[]
  readonly lastFetchedAt: string | null
  readonly nextFetchAt: string | null
  readonly failures: number
  readonly lastError: string | null
  /** Articles that wait for a decision since the flood guard held them. */
  readonly held: number
}

/** An article as it is shown; `entryId` is null while the newsletter does not show it (seeded, held, hidden). */
export type ListedArticle = {
  readonly id: number
  readonly url: string
  readonly title: string
  readonly summary: string | null
  readonly author: string | null
  readonly image: string | null
  readonly language: string | null
  readonly topics: readonly string[]
  readonly wordCount: number | null
  readonly publishedAt: string | null
  readonly state: 'visible' | 'held' | 'hidden' | 'removed'
  readonly source: string
  readonly entryId: number | null
}

const MOST_SOURCES = 10_000

/** The sources of a newsletter, or with null of all, by id. */
export async function listSources(db: Database, newsletterId: number | null): Promise<readonly ListedSource[]> {
  const ofOne =
    newsletterId === null
      ? sql`true`
      : sql`exists (select from newsletter_source t where t.source_id = s.id and t.newsletter_id = ${newsletterId})`
  const found = await db.execute<ListedSource>(sql`
    select s.id, s.kind, s.url, s.feed_url as "feedUrl", s.title, s.home_url as "homeUrl", s.language, s.state,
      array_agg(n.slug order by n.slug) as newsletters,
      ${iso(sql`s.last_fetched_at`)} as "lastFetchedAt", ${iso(sql`s.next_fetch_at`)} as "nextFetchAt",
      s.failures, s.last_error as "lastError",
      (select count(*)::integer from article a where a.source_id = s.id and a.state = 'held') as held
    from source s
    join newsletter_source ns on ns.source_id = s.id
    join newsletter n on n.id = ns.newsletter_id and n.state <> 'deleted'
    where ${ofOne}
    group by s.id order by s.id limit ${MOST_SOURCES}`)
  return found.rows
}

/** The articles of a newsletter's sources, the newest first. */
export async function listArticles(
  db: Database,
  newsletterId: number,
  limit: number,
): Promise<readonly ListedArticle[]> {
  const found = await db.execute<ListedArticle>(sql`
    select a.id, a.url, a.title, a.summary, a.author, a.image_url as image, a.language, a.topics,
      a.word_count as "wordCount", ${iso(sql`a.published_at`)} as "publishedAt", a.state,
      coalesce(s.title, s.url) as source, e.id as "entryId"
    from article a
    join source s on s.id = a.source_id
    left join entry e on e.article_id = a.id and e.newsletter_id = ${newsletterId}
    where e.id is not null or exists (
      select from article_source seen join newsletter_source ns on ns.source_id = seen.source_id
      where seen.article_id = a.id and ns.newsletter_id = ${newsletterId})
    order by coalesce(a.published_at, a.created_at) desc, a.id desc limit ${limit}`)
  return found.rows
}

function iso(column: SQL): SQL {
  return sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`
}
