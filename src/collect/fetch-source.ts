import { createHash } from 'node:crypto'
import type { Clock, Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { isTransient } from '../db/transient.ts'
import { CourantError, reasonOf } from '../errors.ts'
import { type Article, toArticle } from './article.ts'
import { canonicalUrl, urlKey } from './canonical.ts'
import { readDate } from './dates/dates.ts'
import { type Feed, parseFeed } from './feed.ts'
import { fetchFeed } from './follow.ts'
import type { Fetched, FetchOptions } from './http/fetch.ts'
import { type EnterHost, extendingTo, FETCH_MS, type Leased } from './source/lease.ts'
import { readMaxAge } from './source/pace.ts'
import type { Failure, Reading } from './source/sources.ts'

/** How to fetch a source. */
export type FetchSourceOptions = {
  readonly clock: Clock
  readonly userAgent: string
  /** Lets sources on private addresses pass, for tests and the demo. */
  readonly allowPrivate: boolean
  readonly limits?: Pick<FetchOptions, 'connectTimeoutMs' | 'timeoutMs' | 'maxBytes'>
  /** Cancels the fetch. */
  readonly signal?: AbortSignal
}

/** What was fetched and read, before it is recorded. */
export type Result =
  | ({ readonly kind: 'failed' } & Failure)
  | { readonly kind: 'unchanged'; readonly feedUrl: string; readonly leastMinutes: number }
  | {
      readonly kind: 'document'
      readonly articles: readonly Article[]
      readonly homeKey: string | null
      readonly reading: Reading
      readonly leastMinutes: number
    }

const LONGEST_REASON = 300

/**
 * Fetches and reads a leased source. Whatever goes wrong is a result too.
 *
 * @throws faults of the database or of this machine, which `isTransient` recognises.
 */
export async function fetchSource(db: Database, leased: Leased, options: FetchSourceOptions): Promise<Result> {
  try {
    const fetched = await fetchFeed(leased.row.feedUrl, fetchOptions(db, leased, options))
    return fetched.kind === 'document'
      ? readDocument(leased, fetched)
      : readAnswer(leased, fetched, options.clock.now())
  } catch (error) {
    if (isTransient(error)) throw error
    return failedFor(`Reading it failed: ${reasonOf(error)}`)
  }
}

/** Credentials belong to where the source was added, wherever it has moved to since. */
function fetchOptions(db: Database, { row, lease }: Leased, options: FetchSourceOptions): FetchOptions {
  const { clock, signal } = options
  const leftMs = Math.max(0, Math.floor(lease.sinceMs + FETCH_MS - clock.monotonicMs()))
  // A timer of 0 ms would let the request begin.
  const timeout =
    leftMs > 0
      ? AbortSignal.timeout(leftMs)
      : AbortSignal.abort(new DOMException('The lease has expired.', 'TimeoutError'))
  const { username, password } = row
  const enter = extendingTo(db, lease, clock)
  const enterHost: EnterHost = async (host, until) => (host === lease.host ? undefined : enter(host, until))
  return {
    ...options.limits,
    userAgent: row.userAgent ?? options.userAgent,
    guard: { allowPrivate: options.allowPrivate },
    etag: row.etag,
    lastModified: row.lastModified,
    credentials: { origin: URL.parse(row.url)?.origin ?? '', username, password, headers: row.headers ?? {} },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    enterHost,
  }
}

/** An answer without a document. */
function readAnswer({ row }: Leased, fetched: Exclude<Fetched, { kind: 'document' }>, now: Temporal.Instant): Result {
  if (fetched.kind === 'unchanged') return unchanged(row.feedUrl, fetched)
  const { reason, gone, retryAfter } = fetched
  return { kind: 'failed', reason, gone, retryAt: retryAfter === null ? null : readRetryAfter(retryAfter, now) }
}

const unchanged = (
  feedUrl: string,
  answer: Pick<Fetched & { kind: 'unchanged' }, 'movedTo' | 'cacheControl'>,
): Result => ({
  kind: 'unchanged',
  feedUrl: answer.movedTo ?? feedUrl,
  leastMinutes: readMaxAge(answer.cacheControl) / 60,
})

/** The failure of a source for this reason. */
export const failedFor = (reason: string): Result => ({
  kind: 'failed',
  reason: reason.slice(0, LONGEST_REASON),
  gone: false,
  retryAt: null,
})

/** Seconds, or a date. RFC 9110 §10.2.3. */
function readRetryAfter(value: string, now: Temporal.Instant): Temporal.Instant | null {
  if (/^\d{1,8}$/.test(value)) return now.add({ seconds: Number(value) })
  return readDate(value)
}

function readDocument({ row }: Leased, document: Extract<Fetched, { kind: 'document' }>): Result {
  const bodyHash = createHash('sha256').update(document.body).digest('hex')
  if (bodyHash === row.bodyHash) return unchanged(row.feedUrl, document)
  const feed = readFeed(document)
  if (feed instanceof CourantError) return failedFor(feed.message)
  const reading = {
    feedUrl: document.movedTo ?? row.feedUrl,
    title: feed.title || row.title,
    homeUrl: feed.link ?? row.homeUrl,
    language: feed.language,
    etag: document.etag,
    lastModified: document.lastModified,
    bodyHash,
  }
  return {
    kind: 'document',
    articles: feed.items.map((item) => toArticle(item, feed.language)).filter((article) => article !== null),
    homeKey: reading.homeUrl === null ? null : urlKey(canonicalUrl(reading.homeUrl)),
    reading,
    leastMinutes: Math.max(feed.ttlMinutes, readMaxAge(document.cacheControl) / 60),
  }
}

function readFeed({ body, contentType, finalUrl }: Extract<Fetched, { kind: 'document' }>): Feed | CourantError {
  try {
    return parseFeed(body, { contentType, url: finalUrl })
  } catch (error) {
    if (error instanceof CourantError) return error
    throw error
  }
}
