import { sql } from 'drizzle-orm'
import type { Clock, Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { retryTransient } from '../db/transient.ts'
import type { RelayTrouble } from './circuit-breaker.ts'
import { endLease, type Lease, leaseBatch } from './lease.ts'

/** A relay that accepts nothing is tried again after this long. */
const RELAY_WAIT_MINUTES = 5

/**
 * Defers everything still due because no relay can be reached, or none accepts anything. This is the relay's failure: it does
 * not count against any reader, nor as an attempt.
 */
export async function deferAllDue(
  db: Database,
  owner: string,
  editionId: number | null,
  trouble: RelayTrouble,
  clock: Clock,
): Promise<void> {
  const now = clock.now()
  for (;;) {
    const lease = await retryTransient(clock, () => leaseBatch(db, owner, editionId, now))
    if (lease === null) return
    await retryTransient(clock, () => deferBatch(db, lease, trouble, now))
    await retryTransient(clock, () => endLease(db, lease, [], now))
  }
}

/** Changes nothing once the lease is lost, so it is safe to repeat. */
async function deferBatch(
  db: Database,
  lease: Lease,
  { reason, reply }: RelayTrouble,
  now: Temporal.Instant,
): Promise<void> {
  const retryAt = now.add({ minutes: RELAY_WAIT_MINUTES }).toString()
  await db.execute(sql`
      with held as (
        select id from batch where id = ${lease.batchId} and token = ${lease.token} for update
      ), due as (
        select d.seq, d.state from delivery d
        where d.edition_id = ${lease.editionId} and d.seq between ${lease.fromSeq} and ${lease.toSeq}
          and exists (select from held)
          and (d.state = 'queued' or d.state = 'deferred' and d.retry_at <= ${now.toString()})
      ), counted as (
        update batch s set deferred = s.deferred + (select count(*) from due where state = 'queued')
        from held where s.id = held.id
      )
      update delivery d set state = 'deferred', retry_at = ${retryAt}, reason = ${reason}, reply = ${reply}
      from due where d.edition_id = ${lease.editionId} and d.seq = due.seq`)
}
