import { sql } from 'drizzle-orm'
import { type HiddenArticle, type Hiding, hideArticles } from '../../articles/hide.ts'
import type { Clock, Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { retryTransient } from '../../db/transient.ts'
import { CourantError } from '../../errors.ts'
import { finishEditions } from '../editions.ts'
import { lockOpenBatches, recallBatches, releaseRecall } from '../recall.ts'
import { lockCohorts } from './cancel.ts'
import { removeFromArchive, removeFromEditions, replaceVariants, withdrawBatches } from './replace-variants.ts'

/**
 * What hiding articles did: `moved` readers get the rest of their selection, `skipped` ones have nothing left; both are
 * readers of open editions who had not been reached.
 */
export type WithdrawalResult = {
  readonly articles: readonly HiddenArticle[]
  readonly editions: readonly number[]
  readonly moved: number
  readonly skipped: number
}

/** A worker gives its batches back after what is on the wire: seconds; a dead one's lease ends after 15 s. */
const WAIT_FOR_SHARES_MS = 60_000
const ASK_AGAIN_MS = 50
/** Of 500 deliveries each: a transaction holds the newsletter's cohorts, and nobody is to wait long for one. */
const SHARES_A_SLICE = 40

/**
 * Hides or removes articles everywhere: nobody is planned for them any more, and who waits in an open edition gets
 * a selection without them, or nothing when nothing is left. Who has them already keeps them. What fails for a reason that
 * may pass is repeated; cut short, it goes on when it is called again.
 *
 * @throws CourantError `article.unknown`, `edition.busy` when a worker does not give its batches back.
 */
export async function withdrawArticles(
  db: Database,
  articleIds: readonly number[],
  hiding: Hiding,
  clock: Clock,
): Promise<WithdrawalResult> {
  const repeat = <T>(work: () => Promise<T>) => retryTransient(clock, work)
  const hidden = await repeat(() => hideArticles(db, articleIds, hiding, clock.now()))
  const planned = await repeat(() => findPlanned(db, articleIds))
  const entries = Map.groupBy([...hidden.entries, ...planned], ({ newsletterId }) => newsletterId)
  const total = { editions: [] as number[], moved: 0, skipped: 0 }
  for (const [newsletterId, its] of entries) {
    const entryIds = [...new Set(its.map(({ id }) => id))]
    const part = await withdrawFrom(db, newsletterId, entryIds, clock)
    total.editions.push(...part.editions)
    total.moved += part.moved
    total.skipped += part.skipped
  }
  await repeat(() => removeFromArchive(db, articleIds))
  return { articles: hidden.articles, ...total }
}

/** The entries these articles have in open editions: also of those hidden before, by a command that was cut short. */
async function findPlanned(
  db: Database,
  articleIds: readonly number[],
): Promise<readonly { readonly id: number; readonly newsletterId: number }[]> {
  const found = await db.execute<{ id: number; newsletter_id: number }>(sql`
    select distinct a.entry_id as id, e.newsletter_id
    from edition e join edition_article a on a.edition_id = e.id
    where e.state in ('planning', 'sending', 'paused', 'held') and a.article_id = any(${`{${articleIds.join(',')}}`}::bigint[])`)
  return found.rows.map((row) => ({ id: row.id, newsletterId: row.newsletter_id }))
}

type Part = Omit<WithdrawalResult, 'articles'>

/**
 * Slice by slice, while the workers wait: nobody leases a batch of the newsletter before the last is done. Where no
 * open edition has the entries, nobody is disturbed.
 */
async function withdrawFrom(
  db: Database,
  newsletterId: number,
  entryIds: readonly number[],
  clock: Clock,
): Promise<Part> {
  const repeat = <T>(work: () => Promise<T>) => retryTransient(clock, work)
  const startMs = clock.monotonicMs()
  const done = { moved: 0, skipped: 0 }
  let recalled = false
  let after = 0
  try {
    for (;;) {
      if (recalled) await repeat(() => recallBatches(db, newsletterId, clock.now()))
      const order = { newsletterId, entryIds, afterBatchId: after, recalled }
      const step = await repeat(() => db.transaction((tx) => withdrawSlice(tx, order, clock.now())))
      if (step === 'recall') recalled = true
      else if (step === 'busy') {
        if (clock.monotonicMs() - startMs > WAIT_FOR_SHARES_MS) throw busy()
        await clock.sleep(ASK_AGAIN_MS)
      } else {
        done.moved += step.moved
        done.skipped += step.skipped
        if (step.last === null) return { editions: step.editions, ...done }
        after = step.last
      }
    }
  } finally {
    if (recalled) await repeat(() => releaseRecall(db, newsletterId))
    await repeat(() => finishEditions(db, { newsletterId }, clock.now()))
  }
}

/** From which batches on, and whether the workers have been asked to wait. */
type Order = {
  readonly newsletterId: number
  readonly entryIds: readonly number[]
  readonly afterBatchId: number
  readonly recalled: boolean
}

/** `last`: the slice's last batch; null when all are done. */
type Slice = Part & { readonly last: number | null }

async function withdrawSlice(
  tx: Database,
  { newsletterId, entryIds, afterBatchId, recalled }: Order,
  now: Temporal.Instant,
): Promise<Slice | 'recall' | 'busy'> {
  await lockCohorts(tx, newsletterId)
  const editions = await findEditions(tx, newsletterId, entryIds)
  if (editions.length === 0) return { editions, moved: 0, skipped: 0, last: null }
  if (!recalled) return 'recall'
  if (!(await lockOpenBatches(tx, newsletterId, now))) return 'busy'
  const affected = { editionIds: editions, entryIds, homeOnly: false }
  await replaceVariants(tx, affected)
  const batches = await tx.execute<{ id: number }>(sql`
    select id from batch
    where edition_id = any(${`{${editions.join(',')}}`}::bigint[]) and due_at is not null and id > ${afterBatchId}
    order by id limit ${SHARES_A_SLICE}`)
  const ids = batches.rows.map(({ id }) => id)
  const counts = await withdrawBatches(tx, affected, ids, now)
  if (ids.length === SHARES_A_SLICE) return { editions, ...counts, last: ids.at(-1) ?? null }
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
    where e.newsletter_id = ${newsletterId} and e.state in ('planning', 'sending', 'paused', 'held')
      and exists (
        select from variant v where v.edition_id = e.id and v.entry_ids && ${`{${entryIds.join(',')}}`}::bigint[])
    order by e.id`)
  return found.rows.map(({ id }) => id)
}

const busy = () =>
  new CourantError('edition.busy', {
    what: 'The article is hidden, but an edition with it is still being sent.',
    why: 'A worker did not give its batches back within a minute.',
    todo: 'Run the command again; "courant edition list" shows what is being sent.',
  })
