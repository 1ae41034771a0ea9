import { createHash } from 'node:crypto'
import type { Temporal } from '../../clock.ts'
import type { Article } from '../build-article.ts'

/** An article of one document with the name it gets within its source. */
export type IdentifiedArticle = {
  readonly article: Article
  /** The guid where it is the article's own, else made of its URL, else of its words. */
  readonly guid: string
  /** The URL is this article's alone: no other of the document has it, and it is not the feed's home page. */
  readonly ownUrl: boolean
}

/** What is stored of an article that a document's items may be. */
export type StoredArticle = {
  readonly id: number
  readonly sourceId: number
  readonly urlKey: string
  readonly titleKey: string
  readonly textHash: string
  readonly publishedAt: Temporal.Instant | null
  /** Its name within the document's source; null when that source has not brought it yet. */
  readonly guid: string | null
}

/** An item of a document and the stored article it is; null for a new one. */
export type MatchedArticle = IdentifiedArticle & { readonly known: StoredArticle | null }

/** Names the articles of one document; what stands in it twice is taken once. */
export function identifyArticles(articles: readonly Article[], homeKey: string | null): IdentifiedArticle[] {
  const once = uniqueBy(articles, (article) =>
    [article.guid, article.urlKey, article.titleKey, article.textHash].join('\n'),
  )
  const guids = countBy(once, (article) => article.guid)
  const urls = countBy(once, (article) => article.urlKey)
  const named = once.map((article) => {
    const ownUrl = urls.get(article.urlKey) === 1 && article.urlKey !== homeKey
    const ownGuid = article.guid !== null && guids.get(article.guid) === 1
    return {
      article: ownGuid ? article : { ...article, guid: null },
      guid: identityOf(article, ownGuid, ownUrl),
      ownUrl,
    }
  })
  return uniqueBy(named, ({ guid }) => guid)
}

function identityOf(article: Article, ownGuid: boolean, ownUrl: boolean): string {
  if (ownGuid && article.guid !== null) return article.guid
  if (ownUrl) return `url:${article.urlKey}`
  const words = [article.urlKey, article.titleKey, article.publishedAt?.toString() ?? article.textHash]
  return `text:${createHash('sha256').update(words.join('\n')).digest('hex').slice(0, 32)}`
}

/**
 * Finds the stored article of each item; none is taken twice. Within the source the URL goes before the guid, since
 * guids are made anew and reused (by position, for one) where URLs are not; across sources URL and title must agree.
 */
export function matchArticles(named: readonly IdentifiedArticle[], known: readonly StoredArticle[]): MatchedArticle[] {
  const here = known.filter(({ guid }) => guid !== null)
  const elsewhere = known.filter(({ guid }) => guid === null)
  const found = new Map<IdentifiedArticle, StoredArticle>()
  const taken = new Set<StoredArticle>()
  for (const find of [byUrl(here), byGuid(here), byWords(here), byUrlAndTitle(elsewhere)]) {
    for (const item of named) {
      if (found.has(item)) continue
      const match = find(item).find((candidate) => !taken.has(candidate))
      if (match === undefined) continue
      found.set(item, match)
      taken.add(match)
    }
  }
  return named.map((item) => ({ ...item, known: found.get(item) ?? null }))
}

type Find = (item: IdentifiedArticle) => readonly StoredArticle[]

/** The one article of the source at this URL, unless everything else says that it is another. */
function byUrl(here: readonly StoredArticle[]): Find {
  const at = Map.groupBy(here, ({ urlKey }) => urlKey)
  return (item) => {
    const candidates = item.ownUrl ? (at.get(item.article.urlKey) ?? []) : []
    return candidates.length === 1 ? candidates.filter((candidate) => mayBe(item, candidate)) : []
  }
}

/**
 * Whether two that agree in URL or guid may be one: edits change much, but not title, text, date and the other of the
 * two at once. A page that shows now this, now that does, and so does a guid that only says “the second one”.
 */
function mayBe({ article, guid }: IdentifiedArticle, known: StoredArticle): boolean {
  if (article.guid === null || (guid === known.guid && article.urlKey === known.urlKey)) return true
  if (article.titleKey === known.titleKey || article.textHash === known.textHash) return true
  return mayShareDate(article.publishedAt, known.publishedAt)
}

function byGuid(here: readonly StoredArticle[]): Find {
  const names = Map.groupBy(here, ({ guid }) => guid)
  return (item) => (names.get(item.guid) ?? []).filter((candidate) => mayBe(item, candidate))
}

/** At a URL shared by several: the one with the same title, and the same text or (without guids) the same date. */
function byWords(here: readonly StoredArticle[]): Find {
  const at = Map.groupBy(here, placeOf)
  return ({ article }) =>
    (at.get(placeOf(article)) ?? []).filter((known) =>
      article.guid === null
        ? mayShareDate(article.publishedAt, known.publishedAt)
        : article.textHash === known.textHash,
    )
}

function byUrlAndTitle(elsewhere: readonly StoredArticle[]): Find {
  const at = Map.groupBy(elsewhere, placeOf)
  return ({ article, ownUrl }) => (ownUrl ? (at.get(placeOf(article)) ?? []) : [])
}

function placeOf({ urlKey, titleKey }: { urlKey: string; titleKey: string }): string {
  return `${urlKey}\n${titleKey}`
}

function mayShareDate(a: Temporal.Instant | null, b: Temporal.Instant | null): boolean {
  return a === null || b === null || a.equals(b)
}

function uniqueBy<T>(values: readonly T[], key: (value: T) => string): T[] {
  return [...new Map([...values].reverse().map((value) => [key(value), value] as const)).values()].reverse()
}

function countBy<T, K>(values: readonly T[], key: (value: T) => K): Map<K, number> {
  return new Map([...Map.groupBy(values, key)].map(([name, group]) => [name, group.length]))
}
