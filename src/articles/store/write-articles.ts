import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { article, articleSource } from '../../db/schema/article.ts'
import type { Article } from '../build-article.ts'
import type { MatchedArticle } from './match-articles.ts'

/** Rows of one insert: far below PostgreSQL's 65,535 parameters of a statement. */
const ROWS_AT_ONCE = 1000

/** Stores new articles of a source and returns their ids in the same order. */
export async function insertArticles(
  db: Database,
  sourceId: number,
  articles: readonly Article[],
  state: 'visible' | 'held',
  now: Temporal.Instant,
): Promise<number[]> {
  const ids: number[] = []
  for (let from = 0; from < articles.length; from += ROWS_AT_ONCE) {
    const rows = articles.slice(from, from + ROWS_AT_ONCE).map(({ guid: _, topics, ...rest }) => ({
      ...rest,
      topics: [...topics],
      sourceId,
      state,
      createdAt: now,
      updatedAt: now,
    }))
    const inserted = await db.insert(article).values(rows).returning({ id: article.id })
    ids.push(...inserted.map(({ id }) => id))
  }
  return ids
}

/** Rewrites those of a source's own articles that changed, but none that was removed; returns the ids of these. */
export async function updateArticles(
  db: Database,
  changes: readonly { readonly id: number; readonly article: Article }[],
  now: Temporal.Instant,
): Promise<number[]> {
  if (changes.length === 0) return []
  const rows = JSON.stringify(changes.map(({ id, article }) => ({ id, ...toColumns(article) })))
  const changed = await db.execute<{ id: number }>(sql`
    update article set
      url = v.url, url_key = v.url_key, title = v.title, title_key = v.title_key, summary = v.summary,
      content_html = v.content_html, author = v.author, image_url = v.image_url, image_alt = v.image_alt,
      image_width = v.image_width, image_height = v.image_height, language = v.language,
      topics = v.topics, word_count = v.word_count, text_hash = v.text_hash,
      published_at = coalesce(v.published_at, article.published_at), updated_at = ${now.toString()}::timestamptz
    from jsonb_to_recordset(${rows}::jsonb) as v (
      id bigint, url text, url_key text, title text, title_key text, summary text, content_html text, author text,
      image_url text, image_alt text, image_width integer, image_height integer, language text, topics text[],
      word_count integer, text_hash text, published_at timestamptz(3))
    where article.id = v.id and article.state <> 'removed'
      and (article.url, article.title, article.summary, article.content_html, article.author, article.image_url,
           article.image_alt, article.image_width, article.image_height, article.language, article.topics,
           article.published_at)
        is distinct from
          (v.url, v.title, v.summary, v.content_html, v.author, v.image_url,
           v.image_alt, v.image_width, v.image_height, v.language, v.topics,
           coalesce(v.published_at, article.published_at))
    returning article.id`)
  return changed.rows.map(({ id }) => id)
}

function toColumns(article: Article): Record<string, unknown> {
  return {
    url: article.url,
    url_key: article.urlKey,
    title: article.title,
    title_key: article.titleKey,
    summary: article.summary,
    content_html: article.contentHtml,
    author: article.author,
    image_url: article.imageUrl,
    image_alt: article.imageAlt,
    image_width: article.imageWidth,
    image_height: article.imageHeight,
    language: article.language,
    topics: article.topics,
    word_count: article.wordCount,
    text_hash: article.textHash,
    published_at: article.publishedAt?.toString() ?? null,
  }
}

/** Keeps by which guid a source's articles are known: an article has one, and a guid that moved on goes with its new owner. */
export async function recordGuids(
  db: Database,
  sourceId: number,
  sightings: readonly (MatchedArticle & { readonly articleId: number })[],
  now: Temporal.Instant,
): Promise<void> {
  const renamed = sightings.filter(
    ({ known, guid }) => known?.guid !== null && known?.guid !== undefined && known.guid !== guid,
  )
  const added = sightings.filter(({ known }) => known === null || known.guid === null)
  const names = [...renamed, ...added].map(({ guid }) => guid)
  if (names.length === 0) return
  const ids = renamed.map(({ articleId }) => articleId)
  await db.execute(sql`
    update article_source set guid = 'left:' || article_id
    where source_id = ${sourceId} and (guid = any(${sql.param(names)}::text[]) or article_id = any(${sql.param(ids)}::bigint[]))`)
  if (renamed.length > 0)
    await db.execute(sql`
      update article_source set guid = v.guid, seen_at = ${now.toString()}::timestamptz
      from unnest(${sql.param(ids)}::bigint[], ${sql.param(renamed.map(({ guid }) => guid))}::text[]) as v (id, guid)
      where source_id = ${sourceId} and article_id = v.id`)
  for (let from = 0; from < added.length; from += ROWS_AT_ONCE) {
    const rows = added.slice(from, from + ROWS_AT_ONCE)
    await db
      .insert(articleSource)
      .values(rows.map(({ articleId, guid }) => ({ articleId, sourceId, guid, seenAt: now })))
  }
}
