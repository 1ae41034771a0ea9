import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { CourantError } from '../../errors.ts'
import { type Article, toArticles } from '../build-article.ts'
import { decodeText } from '../feeds/charset.ts'
import { linkedFeeds } from '../feeds/feed-links.ts'
import { type OpmlFeed, readOpml } from '../feeds/formats/opml.ts'
import { readSitemapIndex, sitemapKind } from '../feeds/formats/sitemap.ts'
import { withoutProlog } from '../feeds/formats/xml.ts'
import { type Feed, type FeedItem, parseFeed } from '../feeds/parse-feed.ts'
import { packDates, type Transferable, viewAsBuffer } from './transfer.ts'

/** A document as it was fetched: its media type may name the charset. */
type DocumentPart = { readonly body: Uint8Array; readonly contentType: string | null }

/** A document and where it was found, which relative links are relative to. */
type Document = DocumentPart & { readonly url: string | null }

/** A gzip file, and all sitemaps of an index together, unpack to no more octets. */
const MOST_UNPACKED = 20 * 1024 * 1024

/** What stands in a document that may be packed, or name other documents. */
type Unpacked =
  | { readonly kind: 'document'; readonly body: Uint8Array }
  | { readonly kind: 'index'; readonly sitemaps: readonly string[] }
  | { readonly kind: 'refused' }

/** Unpacks a gzip file, and of a sitemap index reads the sitemaps it names, those that changed last first. */
function unpack({ body, contentType }: DocumentPart): Unpacked {
  const octets = gunzip(body, MOST_UNPACKED)
  if (octets === null) return { kind: 'refused' }
  const isMaybeIndex = octets.subarray(0, 5_000).toString('latin1').includes('sitemapindex')
  const text = isMaybeIndex ? decodeText(octets, contentType) : ''
  return sitemapKind(text) === 'sitemapindex'
    ? { kind: 'index', sitemaps: readSitemapIndex(text) }
    : { kind: 'document', body: octets }
}

/** The sitemaps among these documents as one, in UTF-8; null where there is none. What goes beyond the limit is left out. */
function joinSitemaps(pieces: readonly DocumentPart[]): Uint8Array | null {
  const joined: string[] = []
  let room = MOST_UNPACKED
  for (const { body, contentType } of pieces) {
    const octets = room > 0 ? gunzip(body, room) : null
    if (octets === null || octets.length > room) continue
    room -= octets.length
    const text = decodeText(octets, contentType)
    if (sitemapKind(text) === 'urlset') joined.push(withoutProlog(text))
  }
  return joined.length === 0 ? null : Buffer.from(joined.join('\n'))
}

/** The octets of a gzip file; those of any other as they are. Null for what cannot be unpacked within so many. */
function gunzip(body: Uint8Array, maxOutputLength: number): Buffer | null {
  if (body[0] !== 0x1f || body[1] !== 0x8b) return viewAsBuffer(body)
  try {
    return gunzipSync(body, { maxOutputLength })
  } catch {
    return null
  }
}

const parse = ({ body, contentType, url }: Document): Feed => parseFeed(viewAsBuffer(body), { contentType, url })

/** What a feed said about itself and each of its items. @throws CourantError `feed.invalid` */
function readFeed(document: Document): Omit<Feed, 'items'> & { readonly items: readonly Transferable<FeedItem>[] } {
  const feed = parse(document)
  return { ...feed, items: feed.items.map(packDates) }
}

/** What a source said, ready to be stored. */
type Articles = Omit<Feed, 'items'> & { readonly bodyHash: string; readonly articles: readonly Transferable<Article>[] }

/** The articles of a feed; null where its octets are those of `knownHash`. @throws CourantError `feed.invalid` */
function readArticles({ knownHash, ...document }: Document & { readonly knownHash: string | null }): Articles | null {
  const bodyHash = createHash('sha256').update(document.body).digest('hex')
  if (bodyHash === knownHash) return null
  const { items, ...feed } = parse(document)
  return { ...feed, bodyHash, articles: toArticles(items, feed.language).map(packDates) }
}

/** What stands at an address: a feed by its title, a page by the feeds it links, or neither. */
type Looked =
  | { readonly kind: 'feed'; readonly title: string }
  | { readonly kind: 'page'; readonly linked: readonly string[] }
  | { readonly kind: 'neither' }

function look(document: Document & { readonly url: string }): Looked {
  const title = readTitle(document)
  if (title !== null) return { kind: 'feed', title }
  const text = decodeText(viewAsBuffer(document.body), document.contentType)
  if (!/<(?:!doctype\s+html|html|head|body|link)\b/i.test(text)) return { kind: 'neither' }
  return { kind: 'page', linked: linkedFeeds(text, document.url) }
}

function readTitle(document: Document): string | null {
  try {
    return parse(document).title
  } catch (error) {
    if (error instanceof CourantError) return null
    throw error
  }
}

/** The feeds of a list. @throws CourantError `opml.invalid` */
const readList = (body: Uint8Array): readonly OpmlFeed[] => readOpml(viewAsBuffer(body))

/** All that is read in what others wrote, by name. Each takes and gives plain data, so that it can be done in another thread. */
export const PARSER_TASKS = { unpack, joinSitemaps, readFeed, readArticles, look, readList }

export type ParserTasks = typeof PARSER_TASKS
