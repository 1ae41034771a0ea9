import { asc, eq } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'
import { article, entry } from '../../src/db/schema/article.ts'

/** The titles of what a newsletter shows, in the order in which it became visible. */
export async function readTitles(db: Database, newsletterId: number): Promise<readonly string[]> {
  const rows = await db
    .select({ title: article.title })
    .from(entry)
    .innerJoin(article, eq(article.id, entry.articleId))
    .where(eq(entry.newsletterId, newsletterId))
    .orderBy(asc(entry.id))
  return rows.map(({ title }) => title)
}
