import type { Temporal } from '../../clock.ts'
import { readLanguage } from '../text/language.ts'
import { stackBases, webUrl } from '../text/links.ts'
import { foldSpace, plainText } from '../text/plain-text.ts'
import { sanitiseHtml } from '../text/sanitise.ts'
import { readDate } from './dates.ts'
import { choosePicture, type Picture } from './picture.ts'
import type { RawFeed, RawItem, Words } from './raw.ts'

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

/** Makes what a format said safe and whole: words plain or sanitised, links absolute, dates instants. */
export function finishFeed(raw: RawFeed, url: string | null): Feed {
  const link = webUrl(raw.link, url)
  return {
    title: toText(raw.title) ?? '',
    link,
    language: readLanguage(raw.language),
    ttlMinutes: raw.ttl !== null && raw.ttl > 0 ? raw.ttl : 0,
    items: raw.items.map((item) => finishItem(item, url)),
  }
}

function finishItem(raw: RawItem, url: string | null): FeedItem {
  const base = stackBases([url, ...raw.bases])
  const contentHtml = toHtml(raw.content, stackBases([base, raw.contentBase]))
  const summary = toText(raw.summary) ?? toText(raw.content)
  return {
    id: raw.id === null ? null : foldSpace(raw.id) || null,
    url: firstOf(raw.links, (link) => webUrl(link, base)),
    title: toText(raw.title) ?? '',
    summary: summary?.slice(0, LONGEST_SUMMARY) ?? null,
    contentHtml,
    author: raw.authors.map(plainText).filter(Boolean).join(', ') || null,
    publishedAt: firstOf<Temporal.Instant>(raw.dates, readDate),
    topics: raw.topics.map(plainText).filter(Boolean),
    image: choosePicture(raw.images, contentHtml, base),
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
  return (words.html ? plainText(words.text) : foldSpace(words.text)) || null
}

function toHtml(words: Words | null, base: string | null): string | null {
  if (words === null) return null
  const html = words.html ? words.text : escapeText(words.text)
  return sanitiseHtml(html, base) || null
}

function escapeText(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `<p>${escaped.split(/\n\s*\n/).join('</p><p>')}</p>`
}
