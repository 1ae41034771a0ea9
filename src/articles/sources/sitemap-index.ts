import { type Fetched, type FetchOptions, fetchDocument } from '../fetch/fetch-document.ts'
import { type ParseOptions, type ParserPool, parserPool } from '../parsing/parser-pool.ts'
import { viewAsBuffer } from '../parsing/transfer.ts'

type Page = Extract<Fetched, { kind: 'document' }>

/** How to get a source's document, and what reads in it where others are to be found. */
export type FollowOptions = FetchOptions &
  Pick<ParseOptions, 'isSuspect'> & { readonly reader?: ParserPool | undefined }

/** An index names years of sitemaps; news stand in the ones that changed last. */
const MOST_FOLLOWED = 4

/**
 * Gets a source's document. In the place of a sitemap index it gives the sitemaps that changed last, as one and without
 * validators, since the index may stay the same when they change. A file that is gzip itself is unpacked.
 *
 * @throws CourantError `reading.limit`, `reading.late`, from finding out whether it is an index.
 */
export async function fetchFeed(url: string, options: FollowOptions): Promise<Fetched> {
  const fetched = await fetchDocument(url, options)
  if (fetched.kind !== 'document' || !isPackedOrIndex(fetched.body)) return fetched
  const { reader = parserPool } = options
  const unpacked = await reader.ask('unpack', fetched, options)
  switch (unpacked.kind) {
    case 'refused':
      return fail('The document cannot be unpacked.')
    case 'document':
      return { ...fetched, body: viewAsBuffer(unpacked.body) }
    case 'index':
      return followIndex(unpacked.sitemaps, fetched, reader, options)
  }
}

function isPackedOrIndex(body: Buffer): boolean {
  return (body[0] === 0x1f && body[1] === 0x8b) || body.subarray(0, 5_000).toString('latin1').includes('sitemapindex')
}

async function followIndex(
  sitemaps: readonly string[],
  page: Page,
  reader: ParserPool,
  options: FollowOptions,
): Promise<Fetched> {
  const pieces: Page[] = []
  let failed = fail('The sitemap index names no sitemap.')
  for (const url of sitemaps.slice(0, MOST_FOLLOWED)) {
    const fetched = await fetchDocument(url, { ...options, etag: null, lastModified: null })
    if (fetched.kind === 'failed') failed = { ...fetched, gone: false }
    if (fetched.kind === 'document') pieces.push(fetched)
  }
  const joined = pieces.length === 0 ? null : await reader.ask('joinSitemaps', pieces, options)
  if (joined === null) return failed
  return { ...page, body: viewAsBuffer(joined), contentType: 'text/xml; charset=utf-8', etag: null, lastModified: null }
}

function fail(reason: string): Extract<Fetched, { kind: 'failed' }> {
  return { kind: 'failed', reason, gone: false, retryAfter: null }
}
