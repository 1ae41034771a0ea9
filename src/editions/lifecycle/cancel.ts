import { sql } from 'drizzle-orm'
import type { Clock, Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { anyOf, givenBackWatermark, openStates } from '../../db/sql.ts'
import { retryTransient } from '../../db/transient.ts'
import { CourantError } from '../../errors.ts'
import { lockCohortsForNoKeyUpdate } from '../../newsletters/schedule/lock-cohorts.ts'
import { BATCH_POLL_MS, BATCH_WAIT_MS, BATCHES_PER_SLICE, requeueSending } from '../recall.ts'
import { giveBackHomeWatermark } from './give-back-home.ts'
import { hasHomeVariant, setContents, transitionError } from './pause-resume.ts'

const REASON = 'the edition was cancelled'

type Step = 'more' | 'busy' | 'done'

/**
 * Ends an edition: unsent deliveries become `cancelled`, and their readers get their watermarks back, so that the articles
 * come with the next edition. The edition is paused first and cancelled in slices: if interrupted, it stays paused, and
 * cancelling again continues where it stopped.
 *
 * @throws CourantError `edition.unknown`, `edition.state`, `edition.busy` when a worker does not give its batch back.
 */
export async function cancelEdition(db: Database, editionId: number, clock: Clock): Promise<void> {
  const retry = <T>(work: () => Promise<T>) => retryTransient(clock, work)
  const startMs = clock.monotonicMs()
  for (;;) {
    const newsletterId = await retry(() => stopEdition(db, editionId))
    if (newsletterId === null) throw await transitionError(db, editionId, 'cancelled')
    const step = await retry(() => db.transaction((tx) => cancelSlice(tx, editionId, newsletterId, clock.now())))
    if (step === 'done') return
    if (step === 'more') continue
    if (clock.monotonicMs() - startMs > BATCH_WAIT_MS) throw busy(editionId)
    await clock.sleep(BATCH_POLL_MS)
  }
}

/** Pauses the edition, so that workers claim nothing more; returns its newsletter, or null when the edition is over. */
async function stopEdition(db: Database, editionId: number): Promise<number | null> {
  const stopped = await db.execute<{ newsletter_id: number }>(sql`
    update edition set state = 'paused', reason = 'being cancelled'
    where id = ${editionId} and state in ${openStates} returning newsletter_id`)
  return stopped.rows[0]?.newsletter_id ?? null
}

async function cancelSlice(
  tx: Database,
  editionId: number,
  newsletterId: number,
  now: Temporal.Instant,
): Promise<Step> {
  await lockCohortsForNoKeyUpdate(tx, sql`newsletter_id = ${newsletterId}`)
  const batches = await tx.execute<{ id: number; leased: boolean; sending: number }>(sql`
    select id, coalesce(lease_until > ${now.toString()}, false) as leased, sending from batch
    where edition_id = ${editionId} and due_at is not null order by id limit ${BATCHES_PER_SLICE} for update`)
  if (batches.rows.some(({ leased }) => leased)) return 'busy'
  if (batches.rows.length === 0) {
    await closeEdition(tx, editionId, newsletterId, now)
    return 'done'
  }
  const stale = batches.rows.filter(({ sending }) => sending > 0).map(({ id }) => id)
  if (stale.length > 0) await requeueSending(tx, editionId, stale)
  await cancelBatches(
    tx,
    editionId,
    batches.rows.map(({ id }) => id),
    now,
  )
  return 'more'
}

/** Ends and counts the unsent deliveries of these batches, whose readers get their watermarks back as their own. */
async function cancelBatches(
  tx: Database,
  editionId: number,
  batchIds: readonly number[],
  now: Temporal.Instant,
): Promise<void> {
  await tx.execute(sql`
    with unsent as (
      select b.id as batch_id, d.seq, d.state, d.subscription_id, d.start_entry_id
      from batch b join delivery d on d.edition_id = ${editionId} and d.seq between b.from_seq and b.to_seq
      where b.id = ${anyOf(batchIds)} and d.state in ('queued', 'deferred')
    ), ended as (
      update delivery d set state = 'cancelled', reason = ${REASON}, retry_at = null, final_at = ${now.toString()}
      from unsent u where d.edition_id = ${editionId} and d.seq = u.seq
    ), counted as (
      update batch b set due_at = null, recalled_until = null, cancelled = b.cancelled + c.ended, deferred = b.deferred - c.deferred
      from (
        select b.id, count(u.seq)::integer as ended, (count(*) filter (where u.state = 'deferred'))::integer as deferred
        from batch b left join unsent u on u.batch_id = b.id where b.id = ${anyOf(batchIds)} group by b.id
      ) c
      where b.id = c.id
    )
    update subscription s set seen_entry_id = ${givenBackWatermark(sql`u.start_entry_id`)}
    from unsent u, cohort c where s.id = u.subscription_id and c.id = s.cohort_id`)
}

async function closeEdition(
  tx: Database,
  editionId: number,
  newsletterId: number,
  now: Temporal.Instant,
): Promise<void> {
  const isGivenBack = await giveBackHomeWatermark(tx, editionId, newsletterId)
  await tx.execute(sql`
    update edition e set state = 'cancelled', reason = null, finished_at = ${now.toString()},
      home = ${hasHomeVariant} and not ${isGivenBack}::boolean, ${setContents(now)}
    where e.id = ${editionId} and e.state in ${openStates}`)
}

const busy = (editionId: number) =>
  new CourantError('edition.busy', {
    what: `Edition ${editionId} is paused, but not cancelled yet.`,
    why: 'A worker did not give its batch back within a minute.',
    todo: `Run "courant edition cancel ${editionId}" again.`,
  })
