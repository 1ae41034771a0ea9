import type { Clock, Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { isTransient } from '../db/transient.ts'
import { CourantError, reasonOf } from '../errors.ts'
import type { Article } from './build-article.ts'
import { readDate } from './feeds/read-date.ts'
import type { Fetched, FetchOptions } from './fetch/fetch-document.ts'
import { type ParserPool, parserPool } from './parsing/parser-pool.ts'
import { unpackDates } from './parsing/transfer.ts'
import { readMaxAge } from './sources/fetch-interval.ts'
import type { FetchedArticles, FetchFailure } from './sources/record-fetch.ts'
import { openSecrets, type SecretCipher } from './sources/secrets.ts'
import { type FollowOptions, fetchFeed } from './sources/sitemap-index.ts'
import { type EnterHost, extendingTo, FETCH_MS, type LeasedSource } from './sources/source-lease.ts'
import { canonicalUrl, urlKey } from './text/canonical-url.ts'

/** How to fetch a source. */
export type FetchSourceOptions = {
  readonly clock: Clock
  readonly userAgent: string
  /** Lets sources on private addresses pass, for tests and the demo. */
  readonly allowPrivate: boolean
  readonly limits?: Pick<FetchOptions, 'connectTimeoutMs' | 'timeoutMs' | 'maxBytes'>
  /** Reads what is fetched; that of the process unless given. */
  readonly reader?: ParserPool
  /** Needed where sources have a password or headers. */
  readonly cipher?: SecretCipher
  /** Cancels the fetch. */
  readonly signal?: AbortSignal
}

/** What was fetched and read, before it is recorded. */
export type FetchResult =
  | ({ readonly kind: 'failed' } & FetchFailure)
  | { readonly kind: 'unchanged'; readonly feedUrl: string; readonly leastMinutes: number }
  | {
      readonly kind: 'document'
      readonly articles: readonly Article[]
      readonly homeKey: string | null
      readonly reading: FetchedArticles
      readonly leastMinutes: number
    }

const LONGEST_REASON = 300

/**
 * Fetches and reads a leased source. Whatever goes wrong is a result too.
 *
 * @throws faults of the database or of this machine, which `isTransient` recognises.
 */
export async function fetchSource(
  db: Database,
  leased: LeasedSource,
  options: FetchSourceOptions,
): Promise<FetchResult> {
  try {
    const following = followOptions(db, leased, options)
    const fetched = await fetchFeed(leased.row.feedUrl, following)
    return fetched.kind === 'document'
      ? await readDocument(leased, fetched, following)
      : readAnswer(leased, fetched, options.clock.now())
  } catch (error) {
    if (isTransient(error)) throw error
    if (error instanceof CourantError) return failedFor(error.message)
    return failedFor(`Reading it failed: ${reasonOf(error)}`)
  }
}

/** Credentials belong to where the source was added, wherever it has moved to since. */
function followOptions(db: Database, { row, lease }: LeasedSource, options: FetchSourceOptions): FollowOptions {
  const { clock, signal } = options
  const leftMs = Math.max(0, Math.floor(lease.sinceMs + FETCH_MS - clock.monotonicMs()))
  // A timer of 0 ms would let the request begin.
  const timeout =
    leftMs > 0
      ? AbortSignal.timeout(leftMs)
      : AbortSignal.abort(new DOMException('The lease has expired.', 'TimeoutError'))
  const { password, headers } = openSecrets(row, options.cipher)
  const enter = extendingTo(db, lease, clock)
  const enterHost: EnterHost = async (host, until) => (host === lease.host ? undefined : enter(host, until))
  return {
    ...options.limits,
    userAgent: row.userAgent ?? options.userAgent,
    guard: { allowPrivate: options.allowPrivate },
    etag: row.etag,
    lastModified: row.lastModified,
    credentials: { origin: URL.parse(row.url)?.origin ?? '', username: row.username, password, headers: headers ?? {} },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    enterHost,
    reader: options.reader,
    isSuspect: row.failures > 0,
  }
}

/** An answer without a document. */
function readAnswer(
  { row }: LeasedSource,
  fetched: Exclude<Fetched, { kind: 'document' }>,
  now: Temporal.Instant,
): FetchResult {
  if (fetched.kind === 'unchanged') return unchanged(row.feedUrl, fetched)
  const { reason, gone, retryAfter } = fetched
  return { kind: 'failed', reason, gone, retryAt: retryAfter === null ? null : readRetryAfter(retryAfter, now) }
}

const unchanged = (
  feedUrl: string,
  answer: Pick<Fetched & { kind: 'unchanged' }, 'movedTo' | 'cacheControl'>,
): FetchResult => ({
  kind: 'unchanged',
  feedUrl: answer.movedTo ?? feedUrl,
  leastMinutes: readMaxAge(answer.cacheControl) / 60,
})

/** The failure of a source for this reason. */
export const failedFor = (reason: string): FetchResult => ({
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

async function readDocument(
  { row }: LeasedSource,
  document: Extract<Fetched, { kind: 'document' }>,
  following: FollowOptions,
): Promise<FetchResult> {
  const { reader = parserPool } = following
  const { body, contentType, finalUrl: url } = document
  const read = await reader.ask('readArticles', { body, contentType, url, knownHash: row.bodyHash }, following)
  if (read === null) return unchanged(row.feedUrl, document)
  const reading = {
    feedUrl: document.movedTo ?? row.feedUrl,
    title: read.title || row.title,
    homeUrl: read.link ?? row.homeUrl,
    language: read.language,
    etag: document.etag,
    lastModified: document.lastModified,
    bodyHash: read.bodyHash,
  }
  return {
    kind: 'document',
    articles: read.articles.map((article) => unpackDates<Article>(article)),
    homeKey: reading.homeUrl === null ? null : urlKey(canonicalUrl(reading.homeUrl)),
    reading,
    leastMinutes: Math.max(read.ttlMinutes, readMaxAge(document.cacheControl) / 60),
  }
}
