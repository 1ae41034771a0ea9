import { CourantError } from '../../errors.ts'
import { decodeText } from '../charset/charset.ts'
import { parseFeed } from '../feed.ts'
import { fetchFeed } from '../follow.ts'
import type { Fetched, FetchOptions } from '../http/fetch.ts'
import { linkedFeeds } from './page.ts'

/** What stands at an address: a feed, or a page and the feeds found from there, the main one apart. */
export type Discovery =
  | { readonly kind: 'feed'; readonly title: string }
  | {
      readonly kind: 'page'
      readonly url: string
      readonly title: string
      /** More that the page links; not looked at. */
      readonly others: readonly string[]
    }
  | { readonly kind: 'none'; readonly why: string }
  | { readonly kind: 'failed'; readonly reason: string }

/** Where publishing systems keep their feed, the most frequent first. */
const USUAL_PATHS = [
  '/feed',
  '/rss',
  '/rss.xml',
  '/feed.xml',
  '/atom.xml',
  '/index.xml',
  '/feed.json',
  '/news-sitemap.xml',
  '/sitemap-news.xml',
]
const MOST_TRIED = 4
const TRY_TIMEOUT_MS = 10_000
const ACCEPT_ALL = 'application/atom+xml, application/rss+xml, application/feed+json, text/html;q=0.9, */*;q=0.8'

/**
 * Looks at an address somebody gave as a feed's. From a page it goes on to the feeds this links, then to the usual
 * paths, and takes the first that can be read. Every fetch is guarded; secrets stay at the address's origin.
 */
export async function discoverFeed(url: string, options: FetchOptions): Promise<Discovery> {
  const fetched = await fetchFeed(url, { ...options, accept: ACCEPT_ALL })
  if (fetched.kind === 'failed') return { kind: 'failed', reason: fetched.reason }
  if (fetched.kind === 'unchanged') return { kind: 'failed', reason: 'The server says it is unchanged.' }
  const title = readTitle(fetched)
  if (title !== null) return { kind: 'feed', title }
  const text = decodeText(fetched.body, fetched.contentType)
  if (!/<(?:!doctype\s+html|html|head|body|link)\b/i.test(text))
    return { kind: 'none', why: 'What stands there is neither a feed nor a page.' }
  const linked = linkedFeeds(text, fetched.finalUrl)
  const usual = USUAL_PATHS.map((path) => new URL(path, fetched.finalUrl).href)
  for (const candidate of [...linked.slice(0, MOST_TRIED), ...usual.filter((path) => !linked.includes(path))]) {
    const found = await tryFeed(candidate, options)
    if (found !== null) return { ...found, kind: 'page', others: linked.filter((link) => link !== candidate) }
  }
  return { kind: 'none', why: 'The page links no feed that can be read, and none stands at the usual paths.' }
}

async function tryFeed(url: string, options: FetchOptions): Promise<{ url: string; title: string } | null> {
  const timeoutMs = Math.min(options.timeoutMs ?? TRY_TIMEOUT_MS, TRY_TIMEOUT_MS)
  const fetched = await fetchFeed(url, { ...options, timeoutMs })
  const title = fetched.kind === 'document' ? readTitle(fetched) : null
  return fetched.kind !== 'document' || title === null ? null : { url: fetched.movedTo ?? url, title }
}

/** The title of a document that is a feed; null for any other. */
function readTitle({ body, contentType, finalUrl }: Extract<Fetched, { kind: 'document' }>): string | null {
  try {
    return parseFeed(body, { contentType, url: finalUrl }).title
  } catch (error) {
    if (error instanceof CourantError) return null
    throw error
  }
}
