import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { writeRejections } from './rejections.ts'
import {
  type DeliveryResult,
  isUnsent,
  lockCohortsOfSubscriptions,
  notHeld,
  subscriptionsOf,
  writeEnded,
  writeResults,
} from './write-results.ts'

/**
 * Writes outcomes of one edition and counts them on their batches: batches first, in id order and by token, so that a worker
 * whose batch was taken over writes nothing; then the deliveries. A delivery that ends unsent gives the watermark back, and the
 * address of a mailbox that does not exist is suppressed, unless there are too many (`findExceededLimit`). Returns the results of
 * lost batches; of these, what a relay has accepted is recorded nevertheless if no other worker has begun it again.
 */
export async function recordResults(
  db: Database,
  results: readonly DeliveryResult[],
  now: Temporal.Instant,
): Promise<readonly DeliveryResult[]> {
  const ended = results.filter(({ outcome }) => isUnsent(outcome))
  const lost =
    ended.length === 0
      ? notHeld(results, await writeResults(db, results, now))
      : await writeWithEnds(db, results, ended, now)
  const accepted = lost.filter(({ outcome }) => outcome.state === 'sent')
  if (accepted.length > 0) await recordLate(db, accepted, now)
  return lost
}

async function writeWithEnds(
  db: Database,
  results: readonly DeliveryResult[],
  ended: readonly DeliveryResult[],
  now: Temporal.Instant,
): Promise<readonly DeliveryResult[]> {
  if (ended.some(({ outcome }) => outcome.suppress)) return writeRejections(db, results, now)
  return db.transaction(async (tx) => {
    await lockCohortsOfSubscriptions(tx, subscriptionsOf(ended))
    return writeEnded(tx, results, ended, now)
  })
}

/**
 * Records messages that were accepted under a lease that is lost by now, so that they are not sent once more. What the new
 * holder has claimed, or what has ended otherwise, is left as it is.
 */
async function recordLate(db: Database, accepted: readonly DeliveryResult[], now: Temporal.Instant): Promise<void> {
  const editionId = accepted[0]?.claimed.lease.editionId ?? 0
  const rows = accepted.map(({ claimed, outcome }) => {
    return { batch_id: claimed.lease.batchId, seq: claimed.seq, reply: outcome.reply }
  })
  const batchIds = `{${[...new Set(rows.map((row) => row.batch_id))].join(',')}}`
  await db.execute(sql`
    with result as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (batch_id bigint, seq integer, reply text)
    ), held as (
      select s.id from batch s where s.id = any(${batchIds}::bigint[]) order by s.id for update
    ), waiting as (
      select d.seq, d.state, r.batch_id, r.reply from result r join held h on h.id = r.batch_id
      join delivery d on d.edition_id = ${editionId} and d.seq = r.seq and d.state in ('queued', 'deferred') and d.ambiguous
    ), written as (
      update delivery d set state = 'sent', reason = null, reply = w.reply, retry_at = null, final_at = ${now.toString()}
      from waiting w where d.edition_id = ${editionId} and d.seq = w.seq
    )
    update batch s set sent = s.sent + c.sent, deferred = s.deferred - c.deferred
    from (
      select batch_id, count(*)::integer as sent, (count(*) filter (where state = 'deferred'))::integer as deferred
      from waiting group by batch_id
    ) c
    where s.id = any(${batchIds}::bigint[]) and s.id = c.batch_id`)
}
