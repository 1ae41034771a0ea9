import { sql } from 'drizzle-orm'
import type { Clock, Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { retryTransient } from '../../db/transient.ts'
import { CourantError } from '../../errors.ts'
import { requeueSending } from '../recall.ts'
import { giveBackHomeWatermark } from './give-back-home.ts'
import { hasHome, setContents, transitionError } from './pause-resume.ts'

/** A worker stops after what is on the wire: seconds; a dead one's lease ends after 15 s. */
const WAIT_FOR_SHARES_MS = 60_000
const ASK_AGAIN_MS = 50
/** Of 500 deliveries each: a transaction holds the newsletter's cohorts, and nobody is to wait long for one. */
const SHARES_A_SLICE = 40

const REASON = 'the edition was cancelled'

type Step = 'more' | 'busy' | 'done'

/**
 * Ends an edition: what was not sent is `cancelled`, and its readers get their watermarks back, so that the articles
 * come with the next edition. It is paused first and worked off in slices: cut short, it stays paused, and cancelling
 * goes on where it stopped.
 *
 * @throws CourantError `edition.unknown`, `edition.state`, `edition.busy` when a worker does not give its batch back.
 */
export async function cancelEdition(db: Database, editionId: number, clock: Clock): Promise<void> {
  const repeat = <T>(work: () => Promise<T>) => retryTransient(clock, work)
  const startMs = clock.monotonicMs()
  for (;;) {
    const newsletterId = await repeat(() => stopEdition(db, editionId))
    if (newsletterId === null) throw await transitionError(db, editionId, 'cancelled')
    const step = await repeat(() => db.transaction((tx) => cancelSlice(tx, editionId, newsletterId, clock.now())))
    if (step === 'done') return
    if (step === 'more') continue
    if (clock.monotonicMs() - startMs > WAIT_FOR_SHARES_MS) throw busy(editionId)
    await clock.sleep(ASK_AGAIN_MS)
  }
}

/** Pauses it, so that workers claim nothing more; its newsletter, or null when it is over. */
async function stopEdition(db: Database, editionId: number): Promise<number | null> {
  const stopped = await db.execute<{ newsletter_id: number }>(sql`
    update edition set state = 'paused', reason = 'being cancelled'
    where id = ${editionId} and state in ('planning', 'sending', 'paused', 'held') returning newsletter_id`)
  return stopped.rows[0]?.newsletter_id ?? null
}

async function cancelSlice(
  tx: Database,
  editionId: number,
  newsletterId: number,
  now: Temporal.Instant,
): Promise<Step> {
  await lockCohorts(tx, newsletterId)
  const batches = await tx.execute<{ id: number; leased: boolean; sending: number }>(sql`
    select id, coalesce(lease_until > ${now.toString()}, false) as leased, sending from batch
    where edition_id = ${editionId} and due_at is not null order by id limit ${SHARES_A_SLICE} for update`)
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

/** The newsletter's cohorts, in id order as planning takes them: no slice is planned and no watermark read meanwhile. */
export async function lockCohorts(tx: Database, newsletterId: number): Promise<void> {
  await tx.execute(sql`
    select id from cohort where newsletter_id = ${newsletterId} order by id for no key update`)
}

/** Their open deliveries end, are counted, and give the watermarks back as the readers' own: the lower one wins. */
async function cancelBatches(
  tx: Database,
  editionId: number,
  batchIds: readonly number[],
  now: Temporal.Instant,
): Promise<void> {
  const ids = sql`any(${`{${batchIds.join(',')}}`}::bigint[])`
  await tx.execute(sql`
    with open as (
      select s.id as batch_id, d.seq, d.state, d.subscription_id, d.start_entry_id
      from batch s join delivery d on d.edition_id = ${editionId} and d.seq between s.from_seq and s.to_seq
      where s.id = ${ids} and d.state in ('queued', 'deferred')
    ), ended as (
      update delivery d set state = 'cancelled', reason = ${REASON}, retry_at = null, final_at = ${now.toString()}
      from open o where d.edition_id = ${editionId} and d.seq = o.seq
    ), counted as (
      update batch s set due_at = null, recalled_until = null, cancelled = s.cancelled + c.ended, deferred = s.deferred - c.deferred
      from (
        select g.id, count(o.seq)::integer as ended, (count(*) filter (where o.state = 'deferred'))::integer as deferred
        from batch g left join open o on o.batch_id = g.id where g.id = ${ids} group by g.id
      ) c
      where s.id = c.id
    )
    update subscription s set seen_entry_id = least(coalesce(s.seen_entry_id, c.seen_entry_id), o.start_entry_id)
    from open o, cohort c where s.id = o.subscription_id and c.id = s.cohort_id`)
}

async function closeEdition(
  tx: Database,
  editionId: number,
  newsletterId: number,
  now: Temporal.Instant,
): Promise<void> {
  const given = await giveBackHomeWatermark(tx, editionId, newsletterId)
  await tx.execute(sql`
    update edition e set state = 'cancelled', reason = null, finished_at = ${now.toString()},
      home = ${hasHome} and not ${given}::boolean, ${setContents(now)}
    where e.id = ${editionId} and e.state in ('planning', 'sending', 'paused', 'held')`)
}

const busy = (editionId: number) =>
  new CourantError('edition.busy', {
    what: `Edition ${editionId} is paused, and not cancelled yet.`,
    why: 'A worker did not give its batch back within a minute.',
    todo: `Run "courant edition cancel ${editionId}" again.`,
  })
