import type { Temporal } from '../../../clock.ts'
import { choosePicture, type Picture } from '../../images/choose-image.ts'
import { openGraphImages } from '../../images/open-graph.ts'
import type { RawFeed, RawItem, Words } from '../../raw-feed.ts'
import { readLanguage } from '../../text/language.ts'
import { stackBases, webUrl } from '../../text/links.ts'
import { foldSpace, plainText, plainTextOfClean } from '../../text/plain-text.ts'
import { sanitiseHtml } from '../../text/sanitise.ts'
import { readDate } from '../read-date.ts'

/** One shape for RSS, RDF, Atom and JSON Feed. Text is plain, HTML is sanitised, URLs are absolute http or https. */
export type Feed = {
  readonly title: string
  /** The page the feed belongs to. */
  readonly link: string | null
  /** BCP 47. */
  readonly language: string | null
  /** The least time between two fetches that it asks for; 0 when it asks for none. */
  readonly ttlMinutes: number
  readonly items: readonly FeedItem[]
}

export type FeedItem = {
  readonly id: string | null
  readonly url: string | null
  readonly title: string
  readonly summary: string | null
  readonly contentHtml: string | null
  readonly author: string | null
  /** Null when the feed says none, or one that makes no sense. */
  readonly publishedAt: Temporal.Instant | null
  readonly topics: readonly string[]
  readonly image: Picture | null
}

const LONGEST_SUMMARY = 5_000
const LONGEST_TITLE = 1_000
/** Characters of one field that are looked at; half a million are a book. */
const LONGEST_READ = 500_000
/** Items of one feed, and authors, topics, pictures of one item: more are an archive, a mistake or an attack. */
const MOST_ITEMS = 10_000
const MOST_OF_A_KIND = 100

/** Makes what a format said safe and whole: words plain or sanitised, links absolute, dates instants. */
export function normalizeFeed(raw: RawFeed, url: string | null): Feed {
  const link = webUrl(raw.link, url)
  return {
    title: toTitle(raw.title),
    link,
    language: readLanguage(raw.language),
    ttlMinutes: raw.ttl !== null && raw.ttl > 0 ? raw.ttl : 0,
    items: raw.items.slice(0, MOST_ITEMS).map((item) => finishItem(item, url)),
  }
}

function finishItem(raw: RawItem, url: string | null): FeedItem {
  const base = stackBases([url, ...raw.bases])
  const contentHtml = toHtml(raw.content, stackBases([base, raw.contentBase]))
  const summary = toText(raw.summary) ?? textOf(raw.content, contentHtml)
  return {
    id: raw.id === null ? null : foldSpace(raw.id) || null,
    url: firstOf(raw.links, (link) => webUrl(link, base)),
    title: toTitle(raw.title),
    summary: summary?.slice(0, LONGEST_SUMMARY).toWellFormed() ?? null,
    contentHtml,
    author: toNames(raw.authors).join(', ') || null,
    publishedAt: firstOf<Temporal.Instant>(raw.dates, readDate),
    topics: toNames(raw.topics),
    image: choosePicture([...raw.images.slice(0, MOST_OF_A_KIND), ...openGraphImages(raw.content)], contentHtml, base),
  }
}

function firstOf<T>(candidates: readonly string[], read: (candidate: string) => T | null): T | null {
  for (const candidate of candidates) {
    const value = read(candidate)
    if (value !== null) return value
  }
  return null
}

function toText(words: Words | null): string | null {
  if (words === null) return null
  const text = words.text.slice(0, LONGEST_READ)
  return (words.html ? plainText(text) : foldSpace(text)) || null
}

/** The words of an item's content, of which the HTML is clean already. */
function textOf(content: Words | null, contentHtml: string | null): string | null {
  return content?.html ? plainTextOfClean(contentHtml ?? '') || null : toText(content)
}

function toTitle(words: Words | null): string {
  return toText(words)?.slice(0, LONGEST_TITLE).toWellFormed() ?? ''
}

function toNames(texts: readonly string[]): string[] {
  return texts
    .slice(0, MOST_OF_A_KIND)
    .map((text) => plainText(text.slice(0, LONGEST_TITLE)))
    .filter(Boolean)
}

function toHtml(words: Words | null, base: string | null): string | null {
  if (words === null) return null
  const text = words.text.slice(0, LONGEST_READ)
  const html = words.html ? text : escapeText(text)
  return sanitiseHtml(html, base) || null
}

function escapeText(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `<p>${escaped.split(/\n\s*\n/).join('</p><p>')}</p>`
}
