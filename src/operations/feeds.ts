import { z } from 'zod'
import type { Feed, FeedItem } from '../articles/feeds/parse-feed.ts'
import type { ParserTasks } from '../articles/parsing/parser-tasks.ts'
import { CourantError } from '../errors.ts'
import { bytesField, oneLineOf } from './fields.ts'
import { type BareContext, unaudited } from './operation.ts'

/** A parsed feed as plain data. */
export type FeedView = Omit<Feed, 'items' | 'ttlMinutes'> & {
  readonly items: readonly (Omit<FeedItem, 'contentHtml' | 'publishedAt'> & { readonly publishedAt: string | null })[]
}

const LONGEST_URL = 2_000

/** Operations on feeds of any origin. */
export const feedOperations = {
  /** Parses a feed, given by its URL or as a document. */
  parse: unaudited({
    name: 'feed.parse',
    right: 'sources.read',
    input: z.union([
      z.object({ url: oneLineOf(LONGEST_URL).regex(/^https?:\/\//i, 'takes http:// or https://') }),
      z.object({ document: bytesField }),
    ]),
    run: async (context: BareContext, input): Promise<FeedView> =>
      viewOf(
        'url' in input
          ? await fetchFeed(context, input.url)
          : await parseFeed({ body: Buffer.from(input.document), contentType: null, url: null }),
      ),
  }),
}

async function parseFeed(document: Parameters<ParserTasks['readFeed']>[0]): Promise<Feed> {
  const [{ parserPool: processReader }, { unpackDates: unpackDated }] = await Promise.all([
    import('../articles/parsing/parser-pool.ts'),
    import('../articles/parsing/transfer.ts'),
  ])
  const { items, ...feed } = await processReader.ask('readFeed', document)
  return { ...feed, items: items.map((item) => unpackDated<FeedItem>(item)) }
}

async function fetchFeed({ config }: BareContext, url: string): Promise<Feed> {
  const [{ fetchFeed }, { makeUserAgent }] = await Promise.all([
    import('../articles/sources/sitemap-index.ts'),
    import('../articles/fetch/user-agent.ts'),
  ])
  const { baseUrl, collectAllowPrivate: allowPrivate } = config()
  const fetched = await fetchFeed(url, { userAgent: makeUserAgent(baseUrl), guard: { allowPrivate } })
  if (fetched.kind === 'document')
    return parseFeed({ body: fetched.body, contentType: fetched.contentType, url: fetched.finalUrl })
  const why = fetched.kind === 'failed' ? fetched.reason : 'The server says it is unchanged.'
  throw new CourantError('feed.unreachable', { what: 'The feed could not be fetched.', why })
}

function viewOf(feed: Feed): FeedView {
  const items = feed.items.map(({ contentHtml: _, publishedAt, ...item }) => ({
    ...item,
    publishedAt: publishedAt?.toString() ?? null,
  }))
  const { ttlMinutes: _, ...shown } = feed
  return { ...shown, items }
}
