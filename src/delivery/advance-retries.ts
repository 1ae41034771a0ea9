import { sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { openStates } from '../db/sql.ts'
import { GIVE_UP_HOURS } from './outcome/next-attempt.ts'

/**
 * Corrects retries after the clock was set back: deferred deliveries, their batches and notices that are due later than any
 * retry can be become due at once.
 */
export async function advanceRetries(tx: Database, now: Temporal.Instant): Promise<void> {
  const at = sql`${now.toString()}::timestamptz`
  const latest = now.add({ hours: GIVE_UP_HOURS }).toString()
  await tx.execute(sql`
    with locked as (
      select s.id from batch s join edition e on e.id = s.edition_id
      where e.state in ${openStates} and s.due_at > ${latest}
      order by s.id for update of s
    ), late as (
      update batch s set due_at = ${at} from locked where s.id = locked.id
      returning s.edition_id, s.from_seq, s.to_seq
    )
    update delivery d set retry_at = ${at} from late
    where d.edition_id = late.edition_id and d.seq between late.from_seq and late.to_seq
      and d.state = 'deferred' and d.retry_at > ${latest}`)
  await tx.execute(sql`update notice set due_at = ${at} where state = 'queued' and due_at > ${latest}`)
}
