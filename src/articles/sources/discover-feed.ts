import { CourantError } from '../../errors.ts'
import type { Fetched } from '../fetch/fetch-document.ts'
import { parserPool } from '../parsing/parser-pool.ts'
import { type FollowOptions, fetchFeed } from './sitemap-index.ts'

/** What stands at an address: a feed, or a page and the feeds found from there, the main one apart. */
type Discovery =
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
export async function discoverFeed(url: string, options: FollowOptions): Promise<Discovery> {
  const looked = await lookAt(url, { ...options, accept: ACCEPT_ALL })
  if (looked.kind === 'failed') return { kind: 'failed', reason: looked.reason }
  if (looked.kind === 'feed') return { kind: 'feed', title: looked.title }
  if (looked.kind === 'neither') return { kind: 'none', why: 'What stands there is neither a feed nor a page.' }
  const { linked } = looked
  const usual = USUAL_PATHS.map((path) => new URL(path, looked.finalUrl).href)
  for (const candidate of [...linked.slice(0, MOST_TRIED), ...usual.filter((path) => !linked.includes(path))]) {
    const found = await tryFeed(candidate, options)
    if (found !== null) return { ...found, kind: 'page', others: linked.filter((link) => link !== candidate) }
  }
  return { kind: 'none', why: 'The page links no feed that can be read, and none stands at the usual paths.' }
}

async function tryFeed(url: string, options: FollowOptions): Promise<{ url: string; title: string } | null> {
  const timeoutMs = Math.min(options.timeoutMs ?? TRY_TIMEOUT_MS, TRY_TIMEOUT_MS)
  const looked = await lookAt(url, { ...options, timeoutMs })
  return looked.kind === 'feed' ? { url: looked.movedTo ?? url, title: looked.title } : null
}

/** What stands at an address; a document that could not be read within its limits is a failure. */
async function lookAt(url: string, options: FollowOptions) {
  try {
    const fetched = await fetchFeed(url, options)
    return fetched.kind === 'document' ? await read(fetched, options) : failed(sayWhy(fetched))
  } catch (error) {
    if (error instanceof CourantError) return failed(error.message)
    throw error
  }
}

async function read(page: Extract<Fetched, { kind: 'document' }>, { reader = parserPool, signal }: FollowOptions) {
  const { body, contentType, finalUrl, movedTo } = page
  const looked = await reader.ask('look', { body, contentType, url: finalUrl }, { signal })
  return { ...looked, finalUrl, movedTo }
}

const failed = (reason: string) => ({ kind: 'failed' as const, reason })

function sayWhy(fetched: Exclude<Fetched, { kind: 'document' }>): string {
  return fetched.kind === 'failed' ? fetched.reason : 'The server says it is unchanged.'
}
