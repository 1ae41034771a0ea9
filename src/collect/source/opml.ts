import { generateOpml, type Opml, parseOpml } from 'feedsmith'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { CourantError } from '../../errors.ts'
import { decodeText } from '../charset/charset.ts'
import { mendXml } from '../formats/xml.ts'
import { attachSource, type Wanted } from './attach.ts'
import type { ListedSource } from './listing.ts'

/** A feed as a list names it. */
type OpmlFeed = { readonly url: string; readonly title: string | null }

/** What came of one feed of a list: the newsletter had `existing` ones, and `refused` ones have a reason. */
export type Imported = OpmlFeed & {
  readonly outcome: 'added' | 'existing' | 'refused'
  readonly sourceId: number | null
  readonly why: string | null
}

/**
 * Reads the feeds of an OPML file in its order, out of folders of any depth, with what it names twice. http://opml.org/spec2.opml
 *
 * @throws CourantError `opml.invalid`.
 */
export function readOpml(body: Buffer): OpmlFeed[] {
  const feeds: OpmlFeed[] = []
  const waiting = [...(parse(decodeText(body, null)).body?.outlines ?? [])].reverse()
  for (let outline = waiting.pop(); outline !== undefined; outline = waiting.pop()) {
    waiting.push(...(outline.outlines ?? []).toReversed())
    const url = outline.xmlUrl ?? (outline.type === 'rss' ? outline.url : undefined)
    if (url !== undefined) feeds.push({ url, title: outline.title ?? outline.text ?? null })
  }
  return feeds
}

function parse(text: string): Opml.Document<string> {
  try {
    return parseOpml(text)
  } catch {
    return parseMended(text)
  }
}

function parseMended(text: string): Opml.Document<string> {
  try {
    return parseOpml(mendXml(text))
  } catch (cause) {
    throw new CourantError('opml.invalid', {
      what: 'The file is no OPML.',
      why: 'It has no <opml> element with a list of outlines.',
      todo: 'Export the list of feeds as OPML from the program they are in.',
      cause,
    })
  }
}

/** Gives a newsletter the feeds of a list, one after another; one that is refused keeps none of the others out. */
export async function* importFeeds(
  db: Database,
  feeds: readonly OpmlFeed[],
  wanted: Omit<Wanted, 'url'>,
  now: Temporal.Instant,
): AsyncGenerator<Imported> {
  for (const feed of feeds) {
    try {
      const { id, url } = await attachSource(db, { ...wanted, url: feed.url }, now)
      yield { ...feed, url, outcome: 'added', sourceId: id, why: null }
    } catch (error) {
      if (!(error instanceof CourantError)) throw error
      const outcome = error.code === 'source.exists' ? 'existing' : 'refused'
      yield { ...feed, url: feed.url.slice(0, 200), outcome, sourceId: null, why: error.message }
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
