import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { newsletterSource, source } from '../db/schema/source.ts'
import { type Article, toArticle } from './build-article.ts'
import { admitHeld } from './store/admit-held.ts'
import { type StoreCounts, storeArticles } from './store/store-articles.ts'
import { withStoreLock } from './store/store-lock.ts'
import { readLanguage } from './text/language.ts'
import { webUrl } from './text/links.ts'
import { plainText } from './text/plain-text.ts'
import { sanitiseHtml } from './text/sanitise.ts'

const address = z.string().refine((url) => webUrl(url, null) !== null, 'takes an http or https URL')
const words = z.string().trim().min(1, 'takes text').max(100_000, 'takes at most 100,000 characters')
const html = z.string().max(1_000_000, 'takes at most 1,000,000 characters')
const instant = z.string().transform((text, issues) => {
  try {
    return Temporal.Instant.from(text).round('millisecond')
  } catch {
    issues.addIssue({ code: 'custom', message: 'takes a time like 2026-03-01T08:00:00Z' })
    return z.NEVER
  }
})

/** An article as the API and the command line take it: `{url, title, summary?, contentHtml?, author?, image?, publishedAt?, language?, topics?}`. */
const SUBMITTED = z.strictObject({
  url: address,
  title: words,
  summary: words.nullish(),
  contentHtml: html.nullish(),
  author: words.nullish(),
  image: z.union([address, z.strictObject({ url: address, alt: z.string().nullish() })]).nullish(),
  publishedAt: instant.nullish(),
  language: z
    .string()
    .refine((text) => readLanguage(text) !== null, 'takes a language like de or en-GB')
    .nullish(),
  topics: z.array(z.string().trim().min(1).max(80, 'takes topics of at most 80 characters')).max(30).nullish(),
})

const UNMEASURED = { width: null, height: null }

/** A given article, or what is wrong with it, field by field. */
type SubmittedArticle =
  | { readonly kind: 'article'; readonly article: Article }
  | { readonly kind: 'wrong'; readonly why: string }

/** Reads one article as it is given, and makes it as harmless as one from a feed. */
export function parseSubmitted(value: unknown): SubmittedArticle {
  const parsed = SUBMITTED.safeParse(value)
  if (!parsed.success) return { kind: 'wrong', why: parsed.error.issues.map(describe).join('; ') }
  const given = parsed.data
  const image = typeof given.image === 'string' ? { url: given.image, alt: null } : (given.image ?? null)
  const item = {
    id: null,
    url: webUrl(given.url, null),
    title: plainText(given.title),
    summary: given.summary == null ? null : plainText(given.summary),
    contentHtml: given.contentHtml == null ? null : sanitiseHtml(given.contentHtml, given.url) || null,
    author: given.author == null ? null : plainText(given.author),
    publishedAt: given.publishedAt ?? null,
    topics: (given.topics ?? []).map(plainText).filter(Boolean),
    image:
      image === null
        ? null
        : { ...UNMEASURED, url: webUrl(image.url, null) ?? image.url, alt: image.alt ? plainText(image.alt) : null },
  }
  const article = toArticle(item, readLanguage(given.language ?? null))
  return article === null ? { kind: 'wrong', why: 'url or title has nothing to show' } : { kind: 'article', article }
}

function describe(issue: { path: readonly PropertyKey[]; message: string }): string {
  return issue.path.length === 0 ? issue.message : `${issue.path.map(String).join('.')}: ${issue.message}`
}

/** Stores given articles of a newsletter in one transaction; of two at the same URL the later one counts. What is given here is never held. */
export async function addArticles(
  db: Database,
  newsletterId: number,
  articles: readonly Article[],
  now: Temporal.Instant,
): Promise<Omit<StoreCounts, 'held'>> {
  const latest = [...new Map(articles.map((article) => [article.urlKey, article] as const)).values()]
  return withStoreLock(db, async (tx) => {
    const sourceId = await ensureApiSource(tx, newsletterId, now)
    const given = { sourceId, articles: latest.reverse(), homeKey: null, earlier: null }
    const { held: _, ...stored } = await storeArticles(tx, given, now)
    await admitHeld(tx, sql`id in (select article_id from article_source where source_id = ${sourceId})`, now)
    return stored
  })
}

/** The source that stands for a newsletter's own articles; they are new whatever their date, and never seeded. */
async function ensureApiSource(tx: Database, newsletterId: number, now: Temporal.Instant): Promise<number> {
  const [door] = await tx
    .insert(source)
    .values({ kind: 'api', url: `api:${newsletterId}`, createdAt: now })
    .onConflictDoUpdate({ target: source.url, set: { lastFetchedAt: now, fetches: sql`${source.fetches} + 1` } })
    .returning({ id: source.id })
  if (door === undefined) throw new Error('a source that was just made is gone')
  await tx
    .insert(newsletterSource)
    .values({ newsletterId, sourceId: door.id, admittedAt: now, createdAt: now })
    .onConflictDoNothing()
  return door.id
}
