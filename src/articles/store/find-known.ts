import { and, asc, eq, sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { article, articleSource } from '../../db/schema/article.ts'
import type { IdentifiedArticle, StoredArticle } from './match-articles.ts'

/** Finds all stored articles that the items of a source's document may be: by guid, by URL, by URL and title. */
export async function findStored(
  db: Database,
  sourceId: number,
  named: readonly IdentifiedArticle[],
): Promise<StoredArticle[]> {
  const guids = named.map(({ guid }) => guid)
  const own = named.filter(({ ownUrl }) => ownUrl).map((item) => item.article.urlKey)
  // A URL that many share (the home page) may have years of articles: there the title has to agree as well.
  const shared = named.filter(({ ownUrl }) => !ownUrl).map((item) => item.article)
  const candidates = sql`
    select ${articleSource.articleId} from ${articleSource}
      where ${articleSource.sourceId} = ${sourceId} and ${articleSource.guid} = any(${sql.param(guids)}::text[])
    union
    select ${article.id} from ${article} where ${article.urlKey} = any(${sql.param(own)}::text[])
    union
    select ${article.id} from ${article}
      join unnest(${sql.param(shared.map(({ urlKey }) => urlKey))}::text[],
                  ${sql.param(shared.map(({ titleKey }) => titleKey))}::text[]) as place (url_key, title_key)
        on place.url_key = ${article.urlKey} and place.title_key = ${article.titleKey}`
  return db
    .select({
      id: article.id,
      sourceId: article.sourceId,
      urlKey: article.urlKey,
      titleKey: article.titleKey,
      textHash: article.textHash,
      publishedAt: article.publishedAt,
      guid: articleSource.guid,
    })
    .from(article)
    .leftJoin(articleSource, and(eq(articleSource.articleId, article.id), eq(articleSource.sourceId, sourceId)))
    .where(sql`${article.id} in (${candidates})`)
    .orderBy(asc(article.id))
}
