import { sql } from 'drizzle-orm'
import { type HiddenArticle, type HideKind, hideArticles } from '../../articles/hide.ts'
import type { Clock, Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { anyOf, idArray, openStates } from '../../db/sql.ts'
import { retryTransient } from '../../db/transient.ts'
import { CourantError } from '../../errors.ts'
import { lockCohortsForNoKeyUpdate } from '../../newsletters/schedule/lock-cohorts.ts'
import { finishEditions } from '../editions.ts'
import {
  BATCH_POLL_MS,
  BATCH_WAIT_MS,
  BATCHES_PER_SLICE,
  lockOpenBatches,
  recallBatches,
  releaseRecall,
} from '../recall.ts'
import { removeFromArchive, removeFromEditions, replaceVariants, withdrawBatches } from './replace-variants.ts'

/**
 * What hiding articles did to unsent deliveries of open editions: `moved` ones bring the rest of their selection, and
 * `skipped` ones had no article left.
 */
type WithdrawalResult = {
  readonly articles: readonly HiddenArticle[]
  readonly editions: readonly number[]
  readonly moved: number
  readonly skipped: number
}

/**
 * Hides or removes articles everywhere: they are planned for no reader any more, and unsent deliveries of open editions go
 * out without them, or not at all when no article is left. Readers who have received them keep them. Transient failures
 * are retried; if interrupted, calling it again completes the work.
 *
 * @throws CourantError `article.unknown`, `edition.busy` when a worker does not give its batches back.
 */
export async function withdrawArticles(
  db: Database,
  articleIds: readonly number[],
  hiding: HideKind,
  clock: Clock,
): Promise<WithdrawalResult> {
  const retry = <T>(work: () => Promise<T>) => retryTransient(clock, work)
  const hidden = await retry(() => hideArticles(db, articleIds, hiding, clock.now()))
  const planned = await retry(() => findPlanned(db, articleIds))
  const entries = Map.groupBy([...hidden.entries, ...planned], ({ newsletterId }) => newsletterId)
  const total = { editions: [] as number[], moved: 0, skipped: 0 }
  for (const [newsletterId, group] of entries) {
    const entryIds = [...new Set(group.map(({ id }) => id))]
    const part = await withdrawFrom(db, newsletterId, entryIds, clock)
    total.editions.push(...part.editions)
    total.moved += part.moved
    total.skipped += part.skipped
  }
  await retry(() => removeFromArchive(db, articleIds))
  return { articles: hidden.articles, ...total }
}

/** The entries of these articles in open editions, also of articles hidden before by a command that was interrupted. */
async function findPlanned(
  db: Database,
  articleIds: readonly number[],
): Promise<readonly { readonly id: number; readonly newsletterId: number }[]> {
  const found = await db.execute<{ id: number; newsletter_id: number }>(sql`
    select distinct a.entry_id as id, e.newsletter_id
    from edition e join edition_article a on a.edition_id = e.id
    where e.state in ${openStates} and a.article_id = ${anyOf(articleIds)}`)
  return found.rows.map((row) => ({ id: row.id, newsletterId: row.newsletter_id }))
}

type Part = Omit<WithdrawalResult, 'articles'>

/**
 * Withdraws slice by slice while the workers wait: no batch of the newsletter is leased before the last is done. Where no
 * open edition has the entries, no batch is recalled.
 */
async function withdrawFrom(
  db: Database,
  newsletterId: number,
  entryIds: readonly number[],
  clock: Clock,
): Promise<Part> {
  const retry = <T>(work: () => Promise<T>) => retryTransient(clock, work)
  const startMs = clock.monotonicMs()
  const done = { moved: 0, skipped: 0 }
  let recalled = false
  let after = 0
  try {
    for (;;) {
      if (recalled) await retry(() => recallBatches(db, newsletterId, clock.now()))
      const request = { newsletterId, entryIds, afterBatchId: after, recalled }
      const step = await retry(() => db.transaction((tx) => withdrawSlice(tx, request, clock.now())))
      if (step === 'recall') recalled = true
      else if (step === 'busy') {
        if (clock.monotonicMs() - startMs > BATCH_WAIT_MS) throw busy()
        await clock.sleep(BATCH_POLL_MS)
      } else {
        done.moved += step.moved
        done.skipped += step.skipped
        if (step.last === null) return { editions: step.editions, ...done }
        after = step.last
      }
    }
  } finally {
    if (recalled) await retry(() => releaseRecall(db, newsletterId))
    await retry(() => finishEditions(db, { newsletterId }, clock.now()))
  }
}

/** The batches after which the slice begins, and whether the workers have been asked to wait. */
type SliceRequest = {
  readonly newsletterId: number
  readonly entryIds: readonly number[]
  readonly afterBatchId: number
  readonly recalled: boolean
}

/** What a slice did; `last` is its last batch, or null when all are done. */
type SliceResult = Part & { readonly last: number | null }

async function withdrawSlice(
  tx: Database,
  { newsletterId, entryIds, afterBatchId, recalled }: SliceRequest,
  now: Temporal.Instant,
): Promise<SliceResult | 'recall' | 'busy'> {
  await lockCohortsForNoKeyUpdate(tx, sql`newsletter_id = ${newsletterId}`)
  const editions = await findEditions(tx, newsletterId, entryIds)
  if (editions.length === 0) return { editions, moved: 0, skipped: 0, last: null }
  if (!recalled) return 'recall'
  if (!(await lockOpenBatches(tx, newsletterId, now))) return 'busy'
  const affected = { editionIds: editions, entryIds, homeOnly: false }
  await replaceVariants(tx, affected)
  const batches = await tx.execute<{ id: number }>(sql`
    select id from batch
    where edition_id = ${anyOf(editions)} and due_at is not null and id > ${afterBatchId}
    order by id limit ${BATCHES_PER_SLICE}`)
  const ids = batches.rows.map(({ id }) => id)
  const counts = await withdrawBatches(tx, affected, ids, now)
  if (ids.length === BATCHES_PER_SLICE) return { editions, ...counts, last: ids.at(-1) ?? null }
  await removeFromEditions(tx, affected)
  return { editions, ...counts, last: null }
}

/** The newsletter's open editions with a variant that holds one of the entries. */
async function findEditions(
  tx: Database,
  newsletterId: number,
  entryIds: readonly number[],
): Promise<readonly number[]> {
  const found = await tx.execute<{ id: number }>(sql`
    select e.id from edition e
    where e.newsletter_id = ${newsletterId} and e.state in ${openStates}
      and exists (
        select from variant v where v.edition_id = e.id and v.entry_ids && ${idArray(entryIds)})
    order by e.id`)
  return found.rows.map(({ id }) => id)
}

const busy = () =>
  new CourantError('edition.busy', {
    what: 'The article is hidden, but an edition with it is still being sent.',
    why: 'A worker did not give its batches back within a minute.',
    todo: 'Run the command again; "courant edition list" shows what is being sent.',
  })
