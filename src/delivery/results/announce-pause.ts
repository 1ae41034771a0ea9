import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { anyOf } from '../../db/sql.ts'
import type { Logger } from '../../log.ts'
import { TOO_MANY_REJECTIONS } from './rejection-limit.ts'

type Paused = { editionId: number; newsletter: string; sent: number; failed: number; unsent: number }

/**
 * Logs which of these editions are paused for their refusals, with how many have it. Without the relay's words, which may
 * name a reader: `edition show` has them.
 */
export async function logPauses(db: Database, log: Logger, editionIds: readonly number[]): Promise<void> {
  if (editionIds.length === 0) return
  const paused = await db.execute<Paused>(sql`
    select e.id as "editionId", n.slug as newsletter, sum(s.sent)::integer as sent, sum(s.failed)::integer as failed,
      sum(s.to_seq - s.from_seq + 1 - s.sent - s.failed - s.suppressed - s.skipped - s.superseded - s.cancelled)::integer as unsent
    from edition e join newsletter n on n.id = e.newsletter_id join batch s on s.edition_id = e.id
    where e.id = ${anyOf(editionIds)} and e.state = 'paused' and starts_with(e.reason, ${TOO_MANY_REJECTIONS})
    group by e.id, n.slug order by e.id`)
  for (const one of paused.rows) log.warn({ ...one, why: 'too many refusals for good' }, 'edition.paused')
}
