import type { RawFeed, RawImage, RawItem } from '../../raw-feed.ts'
import { withoutProlog } from './xml.ts'

const ROOT = /^<(?:[\w.-]+:)?(urlset|sitemapindex)(?=[\s>])/i

/** Which kind of sitemap a text is (https://www.sitemaps.org/protocol.html); null for anything else. */
export function sitemapKind(text: string): 'urlset' | 'sitemapindex' | null {
  const kind = ROOT.exec(withoutProlog(text.slice(text.search(/</))))?.[1]?.toLowerCase()
  return kind === 'urlset' || kind === 'sitemapindex' ? kind : null
}

/**
 * Reads a news sitemap: the articles of the last two days. Addresses without a headline are no articles; null when there
 * are only such. https://developers.google.com/search/docs/crawling-indexing/sitemaps/news-sitemap
 */
export function readSitemap(text: string): RawFeed | null {
  const blocks = blocksOf(text, 'url')
  const items = blocks.flatMap((block) => readItem(block) ?? [])
  if (items.length === 0 && !/sitemap-news\//i.test(text.slice(0, 5_000))) return null
  const named = blocks.find((block) => field(block, 'news:name') !== null) ?? ''
  const title = field(named, 'news:name')
  return {
    title: title === null ? null : { text: title, html: true },
    link: null,
    language: field(named, 'news:language'),
    ttl: null,
    items,
  }
}

/** The sitemaps an index names, the one that changed last first; those without a date after them, in its order. */
export function readSitemapIndex(text: string): string[] {
  const named = blocksOf(text, 'sitemap').map((block) => ({
    loc: field(block, 'loc'),
    at: field(block, 'lastmod') ?? '',
  }))
  return named.toSorted((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0)).flatMap(({ loc }) => loc ?? [])
}

function readItem(block: string): RawItem | null {
  const title = field(block, 'news:title')
  const loc = field(block, 'loc')
  if (title === null || loc === null) return null
  const image = field(block, 'image:loc')
  const alt = field(block, 'image:caption') ?? field(block, 'image:title')
  const images: RawImage[] = image === null ? [] : [{ url: image, alt, width: null, height: null }]
  return {
    id: null,
    links: [loc],
    title: { text: title, html: true },
    summary: null,
    content: null,
    authors: [],
    dates: [field(block, 'news:publication_date')].filter((date) => date !== null),
    topics: (field(block, 'news:keywords') ?? '').split(',').filter((word) => word.trim() !== ''),
    images,
    bases: [],
    contentBase: null,
  }
}

/** What stands between the tags of each such element; they do not nest. In time of the text's length. */
function blocksOf(text: string, name: string): string[] {
  const parts = text.split(new RegExp(`</(?:[\\w.-]{1,30}:)?${name}\\s*>`, 'i')).slice(0, -1)
  return parts.map((part) => part.slice(part.search(new RegExp(`<(?:[\\w.-]{1,30}:)?${name}(?=[\\s>])`, 'i'))))
}

/** The text of the first element of this name, entities and CDATA undone; null without one. */
function field(block: string, name: string): string | null {
  const open = new RegExp(`<${name}(?:\\s[^<>]{0,500})?>`, 'i').exec(block)
  if (open === null) return null
  const start = open.index + open[0].length
  const end = block.indexOf(`</${name}`, start)
  return end < 0 ? null : decode(block.slice(start, end)).trim() || null
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function decode(text: string): string {
  const data = /^\s*<!\[CDATA\[([\s\S]*?)\]\]>\s*$/.exec(text)
  if (data !== null) return data[1] ?? ''
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (whole, name: string) => ENTITIES[name] ?? whole)
}
