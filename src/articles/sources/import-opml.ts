import { generateOpml } from 'feedsmith'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { CourantError, maskUrl } from '../../errors.ts'
import type { OpmlFeed } from '../feeds/formats/opml.ts'
import { attachSource, type SourceRequest } from './attach.ts'
import type { ListedSource } from './list-sources.ts'

/** What came of one feed of a list: the newsletter had `existing` ones, and `refused` ones have a reason. */
export type Imported = OpmlFeed & {
  readonly outcome: 'added' | 'existing' | 'refused'
  readonly sourceId: number | null
  readonly why: string | null
}

/** Gives a newsletter the feeds of a list, one after another; one that is refused keeps none of the others out. */
export async function* importFeeds(
  db: Database,
  feeds: readonly OpmlFeed[],
  wanted: Omit<SourceRequest, 'url'>,
  now: Temporal.Instant,
): AsyncGenerator<Imported> {
  for (const feed of feeds) {
    try {
      const { id, url } = await attachSource(db, { ...wanted, url: feed.url }, now)
      yield { ...feed, url, outcome: 'added', sourceId: id, why: null }
    } catch (error) {
      if (!(error instanceof CourantError)) throw error
      const outcome = error.code === 'source.exists' ? 'existing' : 'refused'
      yield { ...feed, url: maskUrl(feed.url).slice(0, 200), outcome, sourceId: null, why: error.message }
    }
  }
}

/** Writes the active feeds of a list of sources as OPML 2.0, under the addresses they were added by. */
export function writeOpml(sources: readonly ListedSource[], title: string): string {
  const outlines = sources
    .filter(({ kind, state }) => kind === 'feed' && state === 'active')
    .map((source) => ({
      text: source.title ?? source.url,
      title: source.title ?? source.url,
      type: 'rss',
      xmlUrl: source.url,
      ...(source.homeUrl !== null && { htmlUrl: source.homeUrl }),
      ...(source.language !== null && { language: source.language }),
    }))
  return generateOpml({ head: { title }, body: { outlines } })
}
