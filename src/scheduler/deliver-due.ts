import { sql } from 'drizzle-orm'
import { atMost, type Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { sendNotices } from '../delivery/notices/send-notices.ts'
import { type Sender, sendDue } from '../delivery/worker.ts'
import { finishEditions } from '../editions/editions.ts'

/**
 * What became of what was due: notices and deliveries the relay accepted, and the others by their states. `deferred` is all
 * that is still open. `trouble`: why no relay could be reached.
 */
export type DeliveryReport = {
  readonly notices: number
  readonly sent: number
  readonly deferred: number
  readonly failed: number
  readonly suppressed: number
  readonly skipped: number
  readonly relayError: string | null
}

type Standing = Omit<DeliveryReport, 'notices' | 'deferred' | 'trouble'> & { readonly open: number }

export const NOTHING_DELIVERED: DeliveryReport = {
  notices: 0,
  sent: 0,
  deferred: 0,
  failed: 0,
  suppressed: 0,
  skipped: 0,
  relayError: null,
}

/** Digests wait for notices no longer than this, and then go out beside them. */
const NOTICES_FIRST_MS = 1_000

/**
 * Sends what is due, notices before digests, takes over what dead workers left, and finishes editions that are done. A notice
 * whose recipient takes minutes delays no digest, and a fault of either keeps the other from nothing.
 */
export async function deliverDue(
  db: Database,
  { sender }: { readonly sender: Sender },
  clock: Clock,
  signal?: AbortSignal,
): Promise<DeliveryReport> {
  const sending = Promise.allSettled([sendNotices(db, sender, clock, signal)])
  await atMost(NOTICES_FIRST_MS, sending, clock)
  const [digests] = await Promise.allSettled([deliverDigests(db, sender, clock, signal)])
  const [notices] = await sending
  if (notices.status === 'rejected') throw notices.reason
  if (digests.status === 'rejected') throw digests.reason
  return { ...digests.value, notices: notices.value }
}

async function deliverDigests(
  db: Database,
  sender: Sender,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<Omit<DeliveryReport, 'notices'>> {
  const editionIds = await findSending(db)
  if (editionIds.length === 0) return NOTHING_DELIVERED
  const before = await readStanding(db, editionIds)
  const trouble = await sendDue(db, sender, null, clock, signal === undefined ? {} : { signal })
  await finishEditions(db, {}, clock.now())
  const after = await readStanding(db, editionIds)
  return {
    sent: after.sent - before.sent,
    deferred: after.open,
    failed: after.failed - before.failed,
    suppressed: after.suppressed - before.suppressed,
    skipped: after.skipped - before.skipped,
    relayError: trouble,
  }
}

async function findSending(db: Database): Promise<readonly number[]> {
  const rows = await db.execute<{ id: number }>(sql`select id from edition where state = 'sending' order by id`)
  return rows.rows.map(({ id }) => id)
}

/** The sums of the editions' batches. */
async function readStanding(db: Database, editionIds: readonly number[]): Promise<Standing> {
  const rows = await db.execute<Standing>(sql`
    select coalesce(sum(sent), 0) as sent, coalesce(sum(failed), 0) as failed, coalesce(sum(suppressed), 0) as suppressed,
      coalesce(sum(skipped), 0) as skipped,
      coalesce(sum(to_seq - from_seq + 1 - sent - failed - suppressed - skipped - superseded - cancelled), 0) as open
    from batch where edition_id = any(${`{${editionIds.join(',')}}`}::bigint[])`)
  return rows.rows[0] ?? { sent: 0, failed: 0, suppressed: 0, skipped: 0, open: 0 }
}
