import { createHash } from 'node:crypto'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { CourantError } from '../errors.ts'
import { toArticle } from './article.ts'
import { canonicalUrl, urlKey } from './canonical.ts'
import { readDate } from './dates/dates.ts'
import { type Feed, parseFeed } from './feed.ts'
import { fetchFeed } from './follow.ts'
import type { Fetched, FetchOptions } from './http/fetch.ts'
import { eachHostInTurn } from './http/hosts.ts'
import { readMaxAge } from './source/pace.ts'
import { type FeedSource, findSources, recordFailure, recordReading, recordUnchanged } from './source/sources.ts'
import { admitArticles, type Stored, storeArticles } from './store.ts'

/** What to collect and how. `sourceIds` null means every active source, whether its time has come or not. */
type CollectOptions = {
  readonly sourceIds: readonly number[] | null
  readonly now: Temporal.Instant
  readonly userAgent: string
  /** Lets sources on private addresses pass, for tests and the demo. */
  readonly allowPrivate: boolean
  readonly limits?: Pick<FetchOptions, 'connectTimeoutMs' | 'timeoutMs' | 'maxBytes'>
  /** Told of each source that failed, after that is recorded. */
  readonly onFailure?: (sourceId: number, reason: string) => void
  /** Told of each source whose new articles the flood brake held, and how many. */
  readonly onHeld?: (sourceId: number, articles: number) => void
}

/** Counts of sources by what came of them, and of articles: `held`, `new`, `updated`. */
export type Collected = {
  readonly sources: number
  readonly fetched: number
  readonly unchanged: number
  readonly failed: number
  readonly held: number
  readonly new: number
  readonly updated: number
}

type Outcome = ({ readonly kind: 'fetched' } & Stored) | { readonly kind: 'unchanged' } | { readonly kind: 'failed' }

const HOSTS_AT_ONCE = 8

/**
 * Fetches feeds and stores what they bring, one transaction a document. A source that fails is recorded with its
 * reason and waits longer; it disturbs no other.
 */
export async function collectSources(db: Database, options: CollectOptions): Promise<Collected> {
  const sources = await findSources(db, options.sourceIds)
  const hostOf = (row: FeedSource) => URL.parse(row.feedUrl)?.host ?? ''
  const outcomes = await eachHostInTurn(sources, hostOf, HOSTS_AT_ONCE, (row) => collectSource(db, row, options))
  const count = (kind: Outcome['kind']) => outcomes.filter((outcome) => outcome.kind === kind).length
  const documents = outcomes.filter((outcome) => outcome.kind === 'fetched')
  return {
    sources: sources.length,
    fetched: documents.length,
    unchanged: count('unchanged'),
    failed: count('failed'),
    held: documents.reduce((sum, document) => sum + document.held, 0),
    new: documents.reduce((sum, document) => sum + document.new, 0),
    updated: documents.reduce((sum, document) => sum + document.updated, 0),
  }
}

async function collectSource(db: Database, row: FeedSource, options: CollectOptions): Promise<Outcome> {
  const fetched = await fetchFeed(row.feedUrl, fetchOptions(row, options))
  switch (fetched.kind) {
    case 'failed':
      return fail(db, row, fetched.reason, fetched, options)
    case 'unchanged':
      return keep(db, row, fetched, options)
    case 'document':
      return read(db, row, fetched, options)
  }
}

/** Credentials belong to where the source was added, wherever it has moved to since. */
function fetchOptions(row: FeedSource, options: CollectOptions): FetchOptions {
  const origin = URL.parse(row.url)?.origin ?? ''
  const { username, password } = row
  return {
    ...options.limits,
    userAgent: row.userAgent ?? options.userAgent,
    guard: { allowPrivate: options.allowPrivate },
    etag: row.etag,
    lastModified: row.lastModified,
    credentials: { origin, username, password, headers: row.headers ?? {} },
  }
}

async function read(
  db: Database,
  row: FeedSource,
  document: Extract<Fetched, { kind: 'document' }>,
  options: CollectOptions,
): Promise<Outcome> {
  const bodyHash = createHash('sha256').update(document.body).digest('hex')
  if (bodyHash === row.bodyHash) return keep(db, row, document, options)
  const feed = readFeed(document)
  if (feed instanceof CourantError) return fail(db, row, feed.message, null, options)
  const articles = feed.items.map((item) => toArticle(item, feed.language)).filter((article) => article !== null)
  const reading = {
    feedUrl: document.movedTo ?? row.feedUrl,
    title: feed.title || row.title,
    homeUrl: feed.link ?? row.homeUrl,
    language: feed.language,
    etag: document.etag,
    lastModified: document.lastModified,
    bodyHash,
  }
  const homeKey = reading.homeUrl === null ? null : urlKey(canonicalUrl(reading.homeUrl))
  const leastMinutes = Math.max(feed.ttlMinutes, readMaxAge(document.cacheControl) / 60)
  const stored = await db.transaction(async (tx) => {
    const delivered = { sourceId: row.id, articles, homeKey, earlier: row.recentNew }
    const counts = await storeArticles(tx, delivered, options.now)
    await recordReading(tx, row, reading, { articles: counts.new + counts.held, leastMinutes }, options.now)
    return counts
  })
  if (stored.held > 0) options.onHeld?.(row.id, stored.held)
  return { kind: 'fetched', ...stored }
}

function readFeed({ body, contentType, finalUrl }: Extract<Fetched, { kind: 'document' }>): Feed | CourantError {
  try {
    return parseFeed(body, { contentType, url: finalUrl })
  } catch (error) {
    if (error instanceof CourantError) return error
    throw error
  }
}

async function keep(
  db: Database,
  row: FeedSource,
  { movedTo, cacheControl }: Exclude<Fetched, { kind: 'failed' }>,
  options: CollectOptions,
): Promise<Outcome> {
  const unchanged = { feedUrl: movedTo ?? row.feedUrl, leastMinutes: readMaxAge(cacheControl) / 60 }
  await db.transaction(async (tx) => {
    if (row.waiting) await admitArticles(tx, row.id, options.now)
    await recordUnchanged(tx, row, unchanged, options.now)
  })
  return { kind: 'unchanged' }
}

async function fail(
  db: Database,
  row: FeedSource,
  reason: string,
  fetched: Extract<Fetched, { kind: 'failed' }> | null,
  options: CollectOptions,
): Promise<Outcome> {
  const retryAt = fetched?.retryAfter ? readRetryAfter(fetched.retryAfter, options.now) : null
  await recordFailure(db, row, { reason, gone: fetched?.gone ?? false, retryAt }, options.now)
  options.onFailure?.(row.id, reason)
  return { kind: 'failed' }
}

/** Seconds, or a date. RFC 9110 §10.2.3. */
function readRetryAfter(value: string, now: Temporal.Instant): Temporal.Instant | null {
  if (/^\d{1,8}$/.test(value)) return now.add({ seconds: Number(value) })
  return readDate(value)
}
