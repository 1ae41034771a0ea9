import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import type { Article } from '../build-article.ts'

/** Successful fetches after which a source's habits are known. */
const FETCHES_TO_KNOW = 5
const MANY = 50
const TIMES_USUAL = 10
/** So many at once are more than an editor repeats on purpose. */
const SOME = 10
const KNOWN_PART = 0.8

/**
 * Says whether what a fetch brought for the first time is to be held: many times more than usual, or mostly words the
 * source has brought before (its guids and URLs were made anew). `earlier` are the numbers of new articles of the
 * fetches before. Call it before the articles are stored.
 */
export async function isFlood(
  tx: Database,
  sourceId: number,
  fresh: readonly Article[],
  earlier: readonly number[],
): Promise<boolean> {
  if (earlier.length < FETCHES_TO_KNOW || fresh.length < SOME) return false
  if ((await countRepeated(tx, sourceId, fresh)) >= KNOWN_PART * fresh.length) return true
  return isUnusual(fresh.length, earlier) && (await isRead(tx, sourceId))
}

/** Whether so many new articles are far from what the fetches before have brought. */
export function isUnusual(count: number, earlier: readonly number[]): boolean {
  return count > Math.max(MANY, TIMES_USUAL * median(earlier))
}

function median(counts: readonly number[]): number {
  const sorted = counts.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const [below = 0, above = 0] = sorted.length % 2 === 1 ? [sorted[middle], sorted[middle]] : sorted.slice(middle - 1)
  return (below + above) / 2
}

/** How many of them the source has brought before by title or text. Two hashed sets: no loop over years of articles for each. */
async function countRepeated(tx: Database, sourceId: number, fresh: readonly Article[]): Promise<number> {
  const brought = (column: 'title_key' | 'text_hash') => sql`
    select a.${sql.identifier(column)} from article a
    join article_source s on s.article_id = a.id where s.source_id = ${sourceId}`
  const counted = await tx.execute<{ count: number }>(sql`
    select count(*)::integer as count
    from unnest(${sql.param(fresh.map(({ titleKey }) => titleKey))}::text[],
                ${sql.param(fresh.map(({ textHash }) => textHash))}::text[]) as f (title_key, text_hash)
    where f.title_key in (${brought('title_key')}) or f.text_hash in (${brought('text_hash')})`)
  return counted.rows[0]?.count ?? 0
}

/** To newsletters that have just been given a source, what it holds is seeded anyway. */
async function isRead(tx: Database, sourceId: number): Promise<boolean> {
  const found = await tx.execute(sql`
    select from newsletter_source where source_id = ${sourceId} and admitted_at is not null limit 1`)
  return found.rows.length > 0
}
