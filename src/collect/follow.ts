import { gunzipSync } from 'node:zlib'
import { decodeText } from './charset/charset.ts'
import { readSitemapIndex, sitemapKind } from './formats/sitemap.ts'
import { withoutProlog } from './formats/xml.ts'
import { type Fetched, type FetchOptions, fetchDocument } from './http/fetch.ts'

type Page = Extract<Fetched, { kind: 'document' }>

/** An index names years of sitemaps; news stand in the ones that changed last. */
const MOST_FOLLOWED = 4
const MAX_BYTES = 20 * 1024 * 1024

/**
 * Gets a source's document. In the place of a sitemap index it gives the sitemaps that changed last, as one and without
 * validators, since the index may stay the same when they change. A file that is gzip itself is unpacked.
 */
export async function fetchFeed(url: string, options: FetchOptions): Promise<Fetched> {
  const fetched = unpack(await fetchDocument(url, options))
  if (fetched.kind !== 'document') return fetched
  const start = fetched.body.subarray(0, 5_000).toString('latin1')
  if (!start.includes('sitemapindex')) return fetched
  const text = decodeText(fetched.body, fetched.contentType)
  return sitemapKind(text) === 'sitemapindex' ? followIndex(text, fetched, options) : fetched
}

async function followIndex(index: string, page: Page, options: FetchOptions): Promise<Fetched> {
  const texts: string[] = []
  let failed: Fetched = { kind: 'failed', reason: 'The sitemap index names no sitemap.', gone: false, retryAfter: null }
  for (const url of readSitemapIndex(index).slice(0, MOST_FOLLOWED)) {
    const fetched = unpack(await fetchDocument(url, { ...options, etag: null, lastModified: null }))
    if (fetched.kind === 'failed') failed = { ...fetched, gone: false }
    if (fetched.kind !== 'document') continue
    const text = decodeText(fetched.body, fetched.contentType)
    if (sitemapKind(text) === 'urlset') texts.push(withoutProlog(text))
  }
  if (texts.length === 0) return failed
  const joined = Buffer.from(texts.join('\n'))
  return { ...page, body: joined, contentType: 'text/xml; charset=utf-8', etag: null, lastModified: null }
}

function unpack(fetched: Fetched): Fetched {
  if (fetched.kind !== 'document' || fetched.body[0] !== 0x1f || fetched.body[1] !== 0x8b) return fetched
  try {
    return { ...fetched, body: gunzipSync(fetched.body, { maxOutputLength: MAX_BYTES }) }
  } catch {
    return { kind: 'failed', reason: 'The document cannot be unpacked.', gone: false, retryAfter: null }
  }
}
