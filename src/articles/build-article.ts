import { createHash } from 'node:crypto'
import type { Temporal } from '../clock.ts'
import type { FeedItem } from './feeds/parse-feed.ts'
import { canonicalUrl, urlKey } from './text/canonical-url.ts'
import { detectLanguage } from './text/language.ts'
import { webUrl } from './text/links.ts'
import { foldSpace, plainTextOfClean } from './text/plain-text.ts'
import { cutSummary, summarise } from './text/summary.ts'

/** One item as it is stored. `urlKey` and `titleKey` are what it is known by across sources, `textHash` its words. */
export type Article = {
  /** As the source names it; null when it does not. */
  readonly guid: string | null
  readonly url: string
  readonly urlKey: string
  readonly title: string
  readonly titleKey: string
  readonly summary: string | null
  readonly contentHtml: string | null
  readonly author: string | null
  readonly imageUrl: string | null
  readonly imageAlt: string | null
  /** Pixels, where the source states them. */
  readonly imageWidth: number | null
  readonly imageHeight: number | null
  readonly language: string | null
  readonly topics: readonly string[]
  readonly wordCount: number
  readonly textHash: string
  readonly publishedAt: Temporal.Instant | null
}

const LONGEST_TITLE = 300
const LONGEST_MADE_TITLE = 90
const LONGEST_AUTHOR = 200
/** Longer ones do not fit the indexes that find them (2,704 bytes a row), nor a line of mail (998). */
const LONGEST_URL = 900
const LONGEST_GUID = 500
const LONGEST_TOPIC = 80
const MOST_TOPICS = 30

/** Guessing a language takes a millisecond, ten seconds for the most items a feed may have. */
const MOST_GUESSED = 500

/**
 * Makes the articles of a feed's items, those apart of which `toArticle` makes none. Where the feed declares no language it
 * is guessed for the first 500, and the others are taken to be in that of most of them.
 */
export function toArticles(items: readonly FeedItem[], feedLanguage: string | null): Article[] {
  const first = items.slice(0, MOST_GUESSED).map((item) => toArticle(item, feedLanguage))
  const usual = feedLanguage ?? mostFrequent(first.map((article) => article?.language ?? null))
  const others = items.slice(MOST_GUESSED).map((item) => toArticle(item, usual))
  return [...first, ...others].filter((article) => article !== null)
}

function mostFrequent(languages: readonly (string | null)[]): string | null {
  const counts = new Map<string, number>()
  for (const language of languages) if (language !== null) counts.set(language, (counts.get(language) ?? 0) + 1)
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? null
}

/** Makes the article of a feed's item; null for an item without a usable address or without a word. */
export function toArticle(item: FeedItem, feedLanguage: string | null): Article | null {
  const address = item.url ?? webUrl(item.id, null)
  const text = item.contentHtml === null ? (item.summary ?? '') : plainTextOfClean(item.contentHtml)
  const excerpt = item.summary ?? text
  const title = cutSummary(item.title || cutSummary(excerpt, LONGEST_MADE_TITLE), LONGEST_TITLE)
  if (address === null || title === '') return null
  const url = canonicalUrl(address)
  if (url.length > LONGEST_URL) return null
  const language = feedLanguage ?? detectLanguage(`${title}. ${text}`)
  const summary = summarise(excerpt, language)
  const repeats = makeTitleKey(summary) === makeTitleKey(title)
  return {
    guid: guidOf(item.id),
    url,
    urlKey: urlKey(url),
    title,
    titleKey: makeTitleKey(title),
    summary: repeats || summary === '' ? null : summary,
    contentHtml: item.contentHtml,
    author: authorOf(item.author),
    imageUrl: item.image?.url ?? null,
    imageAlt: item.image?.alt ?? null,
    imageWidth: item.image?.width ?? null,
    imageHeight: item.image?.height ?? null,
    language,
    topics: topicsOf(item.topics),
    wordCount: countWords(text || excerpt),
    textHash: hashText(title, text || excerpt),
    publishedAt: item.publishedAt,
  }
}

/** A title without what is written now this way, now that: case, punctuation, white space, compatibility forms. */
export function makeTitleKey(title: string): string {
  const folded = title.normalize('NFKC').toLowerCase()
  return folded.replace(/[^\p{L}\p{N}]+/gu, ' ').trim() || foldSpace(folded)
}

function guidOf(id: string | null): string | null {
  return id === null || id.length <= LONGEST_GUID ? id : `hash:${hash(id)}`
}

/** The words of an article in 128 bits: equal when only markup, case or punctuation differ. */
function hashText(title: string, text: string): string {
  return hash(`${makeTitleKey(title)}\n${makeTitleKey(text)}`)
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

function countWords(text: string): number {
  return text.match(/[\p{L}\p{N}]+(?:[-'’.][\p{L}\p{N}]+)*/gu)?.length ?? 0
}

/** Each once, whatever its case; compatibility forms, of which one may stand for eighteen letters, are unfolded first. */
function topicsOf(names: readonly string[]): string[] {
  const topics = names.map((name) => name.normalize('NFKC')).filter((name) => name.length <= LONGEST_TOPIC)
  const first = new Map(topics.map((name) => [name.toLowerCase(), name] as const).reverse())
  return [...first.values()].reverse().slice(0, MOST_TOPICS)
}

/** A name and no more: the address that stands beside it or in its place is not for readers. */
function authorOf(author: string | null): string | null {
  const names =
    author?.slice(0, 5 * LONGEST_AUTHOR).replace(/[(<[]?[^\s()<>[\],]{1,200}@[^\s()<>[\],]{1,200}[)>\]]?/g, '') ?? ''
  const name = names
    .replace(/\s+,/g, ',')
    .replace(/^\s*(von|by|par|por)\s+/i, '')
    .replace(/^[\s,]+|[\s,]+$/g, '')
  return name === '' ? null : cutSummary(name, LONGEST_AUTHOR)
}
