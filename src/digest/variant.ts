import { and, eq, inArray } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { edition, editionArticle, variant } from '../db/schema/edition.ts'
import { newsletter } from '../db/schema/newsletter.ts'
import { CourantError } from '../errors.ts'
import { readLogo } from '../newsletters/branding/logo.ts'
import type { DigestArticle, DigestInput, Publication } from './compose/compose.ts'

/** A variant with all it is rendered from. */
export type VariantSource = {
  readonly format: 'html' | 'plain'
  readonly digest: DigestInput
  readonly edition: {
    readonly id: number
    readonly publicId: string
    readonly nonce: Buffer
    readonly at: Temporal.Instant
    /** Its slot, or when it was made by hand. */
    readonly dueAt: Temporal.Instant
  }
  readonly newsletter: typeof newsletter.$inferSelect
}

const WORDS_A_MINUTE = 220
/** Feeds that carry only an excerpt say nothing about the time an article takes. */
const LEAST_WORDS = 150

/** Reads a variant, its edition and the frozen fields of its articles, in the variant's order. */
export async function readVariant(db: Database, variantId: number, baseUrl: string): Promise<VariantSource> {
  const rows = await db
    .select({ variant, edition, newsletter })
    .from(variant)
    .innerJoin(edition, eq(edition.id, variant.editionId))
    .innerJoin(newsletter, eq(newsletter.id, edition.newsletterId))
    .where(eq(variant.id, variantId))
    .limit(1)
  const row = rows[0]
  if (row === undefined)
    throw new CourantError('variant.unknown', {
      what: `Variant ${variantId} is not there.`,
      todo: 'Plan the edition again.',
    })
  const articles = await db
    .select()
    .from(editionArticle)
    .where(and(eq(editionArticle.editionId, row.edition.id), inArray(editionArticle.entryId, row.variant.entryIds)))
    .orderBy(editionArticle.entryId)
    .limit(row.variant.entryIds.length)
  const byEntry = new Map(articles.map((article) => [article.entryId, article]))
  const page = `${baseUrl}/archive/${row.newsletter.slug}/${row.edition.publicId}`
  return {
    format: row.variant.format,
    digest: {
      publication: readPublication(row.newsletter),
      locale: row.variant.locale,
      articles: row.variant.entryIds.flatMap((entryId) => {
        const found = byEntry.get(entryId)
        return found === undefined ? [] : [readArticle(found)]
      }),
      at: row.edition.createdAt,
      intro: row.edition.intro,
      browserUrl: page,
      moreUrl: `${page}/${row.variant.publicId}`,
    },
    edition: {
      id: row.edition.id,
      publicId: row.edition.publicId,
      nonce: row.edition.nonce,
      at: row.edition.createdAt,
      dueAt: row.edition.slotAt ?? row.edition.createdAt,
    },
    newsletter: row.newsletter,
  }
}

/** What of a newsletter its digest shows. */
export function readPublication(row: typeof newsletter.$inferSelect): Publication {
  return {
    slug: row.slug,
    name: row.name,
    locale: row.locale,
    zone: row.zone,
    imprint: row.imprint ?? '',
    accent: row.accent,
    headlineColour: row.headlineColour,
    headlineFont: row.headlineFont,
    logo: readLogo(row),
    maxArticles: row.maxArticles,
  }
}

/** An article's shown fields as the digest wants them. */
export function readArticle(row: Omit<typeof editionArticle.$inferSelect, 'editionId' | 'articleId'>): DigestArticle {
  const words = row.wordCount ?? 0
  return {
    entryId: row.entryId,
    url: row.url,
    title: row.title,
    summary: row.summary,
    author: row.author,
    image: row.imageUrl === null ? null : { url: row.imageUrl, alt: row.imageAlt ?? '' },
    publishedAt: row.publishedAt,
    language: row.language,
    topics: row.topics,
    source: row.source === '' ? hostOf(row.url) : row.source,
    readingMinutes: words < LEAST_WORDS ? null : Math.max(1, Math.round(words / WORDS_A_MINUTE)),
    alsoAt: [],
  }
}

const hostOf = (url: string) => (URL.canParse(url) ? new URL(url).hostname.replace(/^www\./, '') : '')
