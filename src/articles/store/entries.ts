import { and, asc, desc, eq, gte, isNull, ne, type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { article, articleSource } from '../../db/schema/article.ts'
import { newsletter } from '../../db/schema/newsletter.ts'
import { newsletterSource } from '../../db/schema/source.ts'
import { ensureTopics } from '../../newsletters/topics.ts'

/** Undated articles that count as recent when a source is added: the first of its document. */
const UNDATED_ADMITTED = 10

type NewsletterOfSource = {
  readonly newsletterId: number
  readonly backfillDays: number | null
  readonly admitted: boolean
}
/** An article as it becomes an entry. */
type Entering = {
  readonly articleId: number
  readonly publishedAt: Temporal.Instant | null
  readonly topics: readonly string[]
}
/** An article and a newsletter that is to show it. */
export type Pair = { readonly newsletterId: number; readonly entering: Entering }

/**
 * Makes articles visible to the newsletters of a source: what it brought for the first time (`broughtIds`) to all that
 * have it; and to those it was added to since the last time, what it holds from as far back as they asked for. The rest
 * is seeded: without an entry, then and later. Call it within a storing transaction.
 */
export async function createEntries(
  tx: Database,
  sourceId: number,
  broughtIds: readonly number[],
  now: Temporal.Instant,
): Promise<void> {
  const newsletters = await newslettersOf(tx, sourceId)
  const waiting = newsletters.filter(({ admitted }) => !admitted)
  const admitted = newsletters.filter((newsletter) => newsletter.admitted && broughtIds.length > 0)
  if (waiting.length + admitted.length === 0) return
  const pairs: Pair[] = []
  const brought = admitted.length === 0 ? [] : await findVisible(tx, sourceId, isOneOf(broughtIds))
  for (const { newsletterId } of admitted) pairs.push(...brought.map((entering) => ({ newsletterId, entering })))
  for (const newsletter of waiting) {
    const held = await findHeld(tx, sourceId, newsletter.backfillDays, now)
    pairs.push(...held.map((entering) => ({ newsletterId: newsletter.newsletterId, entering })))
  }
  await insertEntries(tx, await withoutKnown(tx, sourceId, pairs), now)
  if (waiting.length > 0) await markAdmitted(tx, sourceId, now)
}

async function newslettersOf(tx: Database, sourceId: number): Promise<NewsletterOfSource[]> {
  const rows = await tx
    .select({
      newsletterId: newsletterSource.newsletterId,
      backfillDays: newsletterSource.backfillDays,
      admittedAt: newsletterSource.admittedAt,
    })
    .from(newsletterSource)
    .innerJoin(newsletter, eq(newsletter.id, newsletterSource.newsletterId))
    .where(and(eq(newsletterSource.sourceId, sourceId), ne(newsletter.state, 'deleted')))
    .orderBy(asc(newsletterSource.newsletterId))
  return rows.map(({ admittedAt, ...row }) => ({ ...row, admitted: admittedAt !== null }))
}

function findVisible(tx: Database, sourceId: number, which: SQL | undefined, most = 1_000_000): Promise<Entering[]> {
  return tx
    .select({ articleId: article.id, publishedAt: article.publishedAt, topics: article.topics })
    .from(articleSource)
    .innerJoin(article, eq(article.id, articleSource.articleId))
    .where(and(eq(articleSource.sourceId, sourceId), eq(article.state, 'visible'), which))
    .orderBy(desc(article.id))
    .limit(most)
}

function isOneOf(ids: readonly number[]): SQL {
  return sql`${article.id} = any(${sql.param(ids)}::bigint[])`
}

async function findHeld(
  tx: Database,
  sourceId: number,
  backfillDays: number | null,
  now: Temporal.Instant,
): Promise<Entering[]> {
  if (backfillDays === null) return findVisible(tx, sourceId, undefined)
  if (backfillDays === 0) return []
  const since = now.subtract({ hours: 24 * backfillDays })
  const dated = await findVisible(tx, sourceId, gte(article.publishedAt, since))
  return [...dated, ...(await findVisible(tx, sourceId, isNull(article.publishedAt), UNDATED_ADMITTED))]
}

/** Drops what another source of the same newsletter brought before: that has its entry, or was seeded for good. */
async function withoutKnown(tx: Database, sourceId: number, pairs: readonly Pair[]): Promise<Pair[]> {
  if (pairs.length === 0) return []
  const articleIds = [...new Set(pairs.map(({ entering }) => entering.articleId))]
  const rows = await tx
    .select({ newsletterId: newsletterSource.newsletterId, articleId: articleSource.articleId })
    .from(articleSource)
    .innerJoin(newsletterSource, eq(newsletterSource.sourceId, articleSource.sourceId))
    .where(
      and(
        sql`${articleSource.articleId} = any(${sql.param(articleIds)}::bigint[])`,
        ne(articleSource.sourceId, sourceId),
        sql`${newsletterSource.admittedAt} is not null`,
      ),
    )
  const known = new Set(rows.map((row) => `${row.newsletterId} ${row.articleId}`))
  return pairs.filter(({ newsletterId, entering }) => !known.has(`${newsletterId} ${entering.articleId}`))
}

/** Adds entries in one statement of a storing transaction, so that ids rise with the time of publication; undated articles count as of now. */
export async function insertEntries(tx: Database, pairs: readonly Pair[], now: Temporal.Instant): Promise<void> {
  if (pairs.length === 0) return
  const wanted = pairs.flatMap(({ newsletterId, entering }) => entering.topics.map((name) => ({ newsletterId, name })))
  const topicId = await ensureTopics(tx, wanted, now)
  const at = ({ entering }: Pair) => (entering.publishedAt ?? now).epochMilliseconds
  const ordered = [...pairs].sort((a, b) => at(a) - at(b) || a.entering.articleId - b.entering.articleId)
  const rows = ordered.map(({ newsletterId, entering }, place) => ({
    place,
    newsletter_id: newsletterId,
    article_id: entering.articleId,
    topics: sortedIds(entering.topics.flatMap((name) => topicId(newsletterId, name) ?? [])),
  }))
  await tx.execute(sql`
    insert into entry (newsletter_id, article_id, topics, created_at)
    select newsletter_id, article_id, topics, ${now.toString()}::timestamptz
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as given (place integer, newsletter_id bigint, article_id bigint, topics integer[])
    order by place
    on conflict (newsletter_id, article_id) do nothing`)
}

/** Gives the entries of edited articles the topics these have now. */
export async function updateEntryTopics(
  tx: Database,
  articleIds: readonly number[],
  now: Temporal.Instant,
): Promise<void> {
  if (articleIds.length === 0) return
  const found = await tx.execute<{ id: number; newsletter_id: number; names: string[] }>(sql`
    select entry.id, entry.newsletter_id, article.topics as names
    from entry join article on article.id = entry.article_id
    where entry.article_id = any(${sql.param(articleIds)}::bigint[])`)
  const wanted = found.rows.flatMap((row) => row.names.map((name) => ({ newsletterId: row.newsletter_id, name })))
  const topicId = await ensureTopics(tx, wanted, now)
  const rows = found.rows.map((row) => ({
    id: row.id,
    topics: sortedIds(row.names.flatMap((name) => topicId(row.newsletter_id, name) ?? [])),
  }))
  await tx.execute(sql`
    update entry set topics = v.topics
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as v (id bigint, topics integer[])
    where entry.id = v.id and entry.topics is distinct from v.topics`)
}

function sortedIds(ids: readonly number[]): number[] {
  return [...new Set(ids)].sort((a, b) => a - b)
}

async function markAdmitted(tx: Database, sourceId: number, now: Temporal.Instant): Promise<void> {
  await tx
    .update(newsletterSource)
    .set({ admittedAt: now })
    .where(and(eq(newsletterSource.sourceId, sourceId), isNull(newsletterSource.admittedAt)))
}
