import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import type { Article } from '../build-article.ts'
import { createEntries, updateEntryTopics } from './entries.ts'
import { findStored } from './find-known.ts'
import { isFlood } from './flood-guard.ts'
import { identifyArticles, matchArticles } from './match-articles.ts'
import { insertArticles, recordGuids, updateArticles } from './write-articles.ts'

/** What a source brought at one time: its articles, the newest first, and the home page that is no article's address. */
type Delivered = {
  readonly sourceId: number
  readonly articles: readonly Article[]
  readonly homeKey: string | null
  /** How many new articles each fetch before it brought, for the flood guard; null where there is none. */
  readonly earlier: readonly number[] | null
}

/** Counts of articles. `held` by the flood guard are not among the new ones. */
export type StoreCounts = { readonly new: number; readonly held: number; readonly updated: number }

/**
 * Stores a document's articles within the given storing transaction: new ones as rows and entries, edited ones in place by
 * their first source alone, seen ones not again. In a flood all new ones are held: rows without entries. The number of
 * statements does not depend on the number of articles.
 */
export async function storeArticles(tx: Database, delivered: Delivered, now: Temporal.Instant): Promise<StoreCounts> {
  const { sourceId, articles, homeKey, earlier } = delivered
  const named = identifyArticles(articles, homeKey)
  const sightings = matchArticles(named, await findStored(tx, sourceId, named))
  const fresh = oldestFirst(
    sightings.filter(({ known }) => known === null),
    now,
  )
  const brought = fresh.map(({ article }) => article)
  const state = earlier !== null && (await isFlood(tx, sourceId, brought, earlier)) ? 'held' : 'visible'
  const ids = await insertArticles(tx, sourceId, brought, state, now)
  const seen = sightings.flatMap((sighting) =>
    sighting.known === null ? [] : [{ ...sighting, articleId: sighting.known.id, known: sighting.known }],
  )
  const own = seen.filter(({ known }) => known.sourceId === sourceId)
  const updated = await updateArticles(
    tx,
    own.map(({ articleId, article }) => ({ id: articleId, article })),
    now,
  )
  const added = fresh.map((sighting, index) => ({ ...sighting, articleId: ids[index]! }))
  await recordGuids(tx, sourceId, [...added, ...seen], now)
  await updateEntryTopics(tx, updated, now)
  const shared = seen.filter(({ known }) => known.guid === null)
  await createEntries(
    tx,
    sourceId,
    [...added, ...shared].map(({ articleId }) => articleId),
    now,
  )
  const isHeld = state === 'held'
  return { new: isHeld ? 0 : fresh.length, held: isHeld ? fresh.length : 0, updated: updated.length }
}

/** A document begins with the newest; ids are to rise with time. */
function oldestFirst<T extends { article: Article }>(sightings: readonly T[], now: Temporal.Instant): T[] {
  const at = ({ article }: T) => (article.publishedAt ?? now).epochMilliseconds
  return sightings.toReversed().sort((a, b) => at(a) - at(b))
}

/** Lets in what a source holds already, for newsletters it was added to since its last document; within a storing transaction. */
export async function admitArticles(tx: Database, sourceId: number, now: Temporal.Instant): Promise<void> {
  await createEntries(tx, sourceId, [], now)
}
