import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { anyOf, openStates } from '../../db/sql.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { ExceededLimit, SuppressedDelivery } from './rejection-limit.ts'

const POSTPONED = 'rejected permanently with too many others'

/** The outcome of a rejection beyond the limit: its delivery is tried again when the edition is resumed. */
export function postponeRejection(outcome: Outcome): Outcome {
  return { ...outcome, state: 'queued', reason: POSTPONED, suppress: false }
}

/**
 * Takes suppressions of an edition's deliveries back and queues these deliveries again, with the watermarks their readers had
 * meanwhile. Where a reader's watermark has changed since, the delivery stays failed: its articles come with the next edition.
 * The caller holds the suppressions, the cohorts and the batches.
 */
export async function revertSuppressions(
  tx: Database,
  editionId: number,
  reverted: readonly SuppressedDelivery[],
  now: Temporal.Instant,
): Promise<void> {
  if (reverted.length === 0) return
  await tx.execute(sql`
    with taken as (
      delete from suppression where id = ${anyOf(reverted.map(({ id }) => id))} returning seq
    ), reopened as (
      update delivery d set state = 'queued', reason = ${POSTPONED}, final_at = null
      from taken t, subscription s
      where d.edition_id = ${editionId} and d.seq = t.seq and d.state = 'failed' and s.id = d.subscription_id
        and s.seen_entry_id = d.start_entry_id
      returning d.seq, d.subscription_id
    ), counted as (
      update batch s set failed = s.failed - c.reopened, due_at = least(s.due_at, ${now.toString()}::timestamptz)
      from (
        select g.id, count(*)::integer as reopened
        from reopened r join batch g on g.edition_id = ${editionId} and r.seq between g.from_seq and g.to_seq
        group by g.id
      ) c
      where s.id = c.id
    )
    update subscription s set seen_entry_id = nullif(greatest(s.seen_entry_id, e.bound_entry_id), c.seen_entry_id)
    from reopened r, cohort c, edition e
    where s.id = r.subscription_id and c.id = s.cohort_id and e.id = ${editionId}`)
}

/** Pauses an edition, whatever else it waits for, until an operator has decided about the rejections. */
export async function pauseForRejections(tx: Database, editionId: number, { reason }: ExceededLimit): Promise<void> {
  await tx.execute(sql`
    update edition set state = 'paused', reason = ${reason}
    where id = ${editionId} and state in ${openStates}`)
}
