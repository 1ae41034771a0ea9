import { and, eq, inArray, type SQL, sql } from 'drizzle-orm'
import { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { article } from '../db/schema/article.ts'
import { edition, editionArticle, variant } from '../db/schema/edition.ts'
import { anyOf } from '../db/sql.ts'
import type { DigestArticle } from '../digest/compose/entry-view.ts'
import { readArticle } from '../digest/variant.ts'

/** An edition as the archive lists it. */
export type ArchivedEdition = {
  readonly publicId: string
  readonly at: Temporal.Instant
  readonly articles: number
  /** The headline of its newest article. */
  readonly headline: string
}

/** An edition to show, with one page of the articles of one of its variants, in their order and read on demand. */
export type ArchivePage = {
  readonly publicId: string
  readonly at: Temporal.Instant
  readonly intro: string | null
  readonly home: boolean
  readonly page: number
  readonly pages: number
  /** Changes with anything shown of its articles. */
  readonly articlesHash: string | null
  readonly readArticles: () => Promise<readonly DigestArticle[]>
}

const PAGE = 30

/** Lists finished home editions before the given one (null: from the newest), newest first, and where the next page starts. */
export async function listArchive(
  db: Database,
  newsletterId: number,
  before: string | null,
): Promise<{ readonly editions: readonly ArchivedEdition[]; readonly next: string | null }> {
  const last = before === null ? null : await findId(db, newsletterId, before)
  // A cancelled edition that is still a home edition was received by a reader. The headline is that of the first visible
  // article of the home variant; an edition without one is not listed.
  const found = await db.execute<Row>(sql`
    select e.public_id as "publicId", e.created_at as at, cardinality(v.entry_ids) as articles, first.title as headline
    from edition e
    join variant v on v.edition_id = e.id and v.home
    join lateral (
      select ea.title
      from unnest(v.entry_ids) with ordinality as o (entry_id, place)
      join edition_article ea on ea.edition_id = e.id and ea.entry_id = o.entry_id
      join article a on a.id = ea.article_id and a.state = 'visible'
      order by o.place limit 1
    ) first on true
    where e.newsletter_id = ${newsletterId} and e.home and e.state in ('finished', 'cancelled')
      and (${last}::bigint is null or e.id < ${last}::bigint)
    order by e.id desc
    limit ${PAGE + 1}`)
  const editions = found.rows.slice(0, PAGE).map((row) => ({ ...row, at: Temporal.Instant.from(row.at) }))
  return { editions, next: found.rows.length > PAGE ? (editions.at(-1)?.publicId ?? null) : null }
}

type Row = Omit<ArchivedEdition, 'at'> & { readonly at: string }

async function findId(db: Database, newsletterId: number, publicId: string): Promise<number | null> {
  const rows = await db
    .select({ id: edition.id })
    .from(edition)
    .where(and(eq(edition.publicId, publicId), eq(edition.newsletterId, newsletterId)))
    .limit(1)
  return rows[0]?.id ?? null
}

/** Rendering costs 0.1 ms an article; a longer page would keep the server busy for too long. */
const ARTICLES_PER_PAGE = 50

/**
 * Reads a page (from 1) of an edition by its public id, which the links in mails use: with a variant's public id that
 * variant, without one the home variant, or, where an edition has none, all of its articles. Articles hidden since are left
 * out. Null when there is no such page.
 */
export async function readArchivePage(
  db: Database,
  newsletterId: number,
  publicId: string,
  variantPublicId: string | null,
  page: number,
): Promise<ArchivePage | null> {
  const rows = await db
    .select({ edition, variantId: variant.id })
    .from(edition)
    .leftJoin(variant, and(eq(variant.editionId, edition.id), isVariant(variantPublicId)))
    .where(and(eq(edition.publicId, publicId), eq(edition.newsletterId, newsletterId)))
    .limit(1)
  const row = rows[0]
  if (row === undefined || (variantPublicId !== null && row.variantId === null)) return null
  const found = await findOnPage(db, row.edition.id, row.variantId, page)
  const pages = Math.max(1, Math.ceil(found.articles / ARTICLES_PER_PAGE))
  if (page > pages) return null
  return {
    publicId,
    at: row.edition.createdAt,
    intro: row.edition.intro,
    home: row.edition.home && variantPublicId === null,
    page,
    pages,
    articlesHash: await hashArticles(db, row.edition.id, found.entryIds),
    readArticles: () => readArticles(db, row.edition.id, found.entryIds),
  }
}

const isVariant = (publicId: string | null): SQL | undefined =>
  publicId === null ? eq(variant.home, true) : eq(variant.publicId, publicId)

type OnPage = { readonly articles: number; readonly entryIds: readonly number[] }

/**
 * Counts the articles and finds those of the page; without a variant they come newest first. Hidden articles count, so that
 * of 9,000 articles only the page itself is read.
 */
async function findOnPage(db: Database, editionId: number, variantId: number | null, page: number): Promise<OnPage> {
  const before = (page - 1) * ARTICLES_PER_PAGE
  const found =
    variantId === null
      ? await db.execute<OnPage>(sql`
          select (select count(*)::integer from edition_article where edition_id = ${editionId}) as articles,
            array(select entry_id from edition_article where edition_id = ${editionId}
              order by entry_id desc limit ${ARTICLES_PER_PAGE} offset ${before}) as "entryIds"`)
      : await db.execute<OnPage>(sql`
          select cardinality(entry_ids) as articles,
            entry_ids[${before + 1}::integer : ${before + ARTICLES_PER_PAGE}::integer] as "entryIds"
          from variant where id = ${variantId}`)
  const row = found.rows[0]
  return row === undefined ? { articles: 0, entryIds: [] } : { ...row, entryIds: row.entryIds.map(Number) }
}

/** Hashes the rows that `readArticles` reads: a cached page needs no more of them, which saves 2 ms of 3. */
async function hashArticles(db: Database, editionId: number, entryIds: readonly number[]): Promise<string | null> {
  const found = await db.execute<{ hash: string | null }>(sql`
    select md5(string_agg(ea::text, '' order by ea.entry_id)) as hash
    from edition_article ea join article a on a.id = ea.article_id and a.state = 'visible'
    where ea.edition_id = ${editionId} and ea.entry_id = ${anyOf(entryIds)}`)
  return found.rows[0]?.hash ?? null
}

async function readArticles(
  db: Database,
  editionId: number,
  entryIds: readonly number[],
): Promise<readonly DigestArticle[]> {
  const rows = await db
    .select({ shown: editionArticle })
    .from(editionArticle)
    .innerJoin(article, and(eq(article.id, editionArticle.articleId), eq(article.state, 'visible')))
    .where(and(eq(editionArticle.editionId, editionId), inArray(editionArticle.entryId, [...entryIds])))
  const found = new Map(rows.map(({ shown }) => [shown.entryId, readArticle(shown)]))
  return entryIds.flatMap((entryId) => found.get(entryId) ?? [])
}
