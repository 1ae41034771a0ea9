import { and, eq, gte, isNull, lt, ne, or, type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { article, articleSource } from '../../db/schema/article.ts'
import { newsletter } from '../../db/schema/newsletter.ts'
import { newsletterSource } from '../../db/schema/source.ts'
import { insertEntries, type Pair } from './entries.ts'

/** Makes held articles visible, new to the readers of every newsletter that would have had them; returns how many. Within a storing transaction. */
export async function admitHeld(tx: Database, which: SQL, now: Temporal.Instant): Promise<number> {
  const ids = await markSeen(tx, which, now)
  if (ids.length > 0) await insertEntries(tx, await newslettersOfArticles(tx, ids), now)
  return ids.length
}

/** Makes held articles seeded: known, and without entries. Returns their ids. */
export async function markSeen(tx: Database, which: SQL, now: Temporal.Instant): Promise<number[]> {
  const freed = await tx.execute<{ id: number }>(sql`
    update article set state = 'visible', updated_at = ${now.toString()}
    where state = 'held' and ${which} returning id`)
  return freed.rows.map(({ id }) => id)
}

/** What a source brought after a newsletter had it, or before it as far back as was asked for. */
function newslettersOfArticles(tx: Database, ids: readonly number[]): Promise<Pair[]> {
  const since = sql`${newsletterSource.admittedAt} - make_interval(hours => 24 * ${newsletterSource.backfillDays})`
  return tx
    .selectDistinct({
      newsletterId: newsletterSource.newsletterId,
      entering: { articleId: article.id, publishedAt: article.publishedAt, topics: article.topics },
    })
    .from(article)
    .innerJoin(articleSource, eq(articleSource.articleId, article.id))
    .innerJoin(newsletterSource, eq(newsletterSource.sourceId, articleSource.sourceId))
    .innerJoin(newsletter, eq(newsletter.id, newsletterSource.newsletterId))
    .where(
      and(
        sql`${article.id} = any(${sql.param(ids)}::bigint[])`,
        ne(newsletter.state, 'deleted'),
        or(
          lt(newsletterSource.admittedAt, articleSource.seenAt),
          and(sql`${newsletterSource.admittedAt} is not null`, isNull(newsletterSource.backfillDays)),
          gte(sql`coalesce(${article.publishedAt}, ${articleSource.seenAt})`, since),
        ),
      ),
    )
}
