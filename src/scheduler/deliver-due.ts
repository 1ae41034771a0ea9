import { sql } from 'drizzle-orm'
import { atMost, type Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { anyOf, unsentCount } from '../db/sql.ts'
import { sendNotices } from '../delivery/notices/send-notices.ts'
import { type Sender, sendDue } from '../delivery/worker.ts'
import { finishEditions } from '../editions/editions.ts'

/**
 * What became of the mail that was due: notices and deliveries that a relay accepted, and the others by their states.
 * `deferred` is all that is still unsent, `relayError` why no relay could be reached.
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

type Totals = Omit<DeliveryReport, 'notices' | 'deferred' | 'relayError'> & { readonly unsent: number }

export const NOTHING_DELIVERED: DeliveryReport = {
  notices: 0,
  sent: 0,
  deferred: 0,
  failed: 0,
  suppressed: 0,
  skipped: 0,
  relayError: null,
}

/** Digests wait for notices no longer than this, and are then sent beside them. */
const NOTICES_FIRST_MS = 1_000

/**
 * Sends what is due, notices before digests, takes over the batches of dead workers, and finishes editions that have
 * nothing left to send. A notice whose recipient takes minutes delays no digest, and a failure of one kind does not stop
 * the other.
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
  const before = await readTotals(db, editionIds)
  const relayError = await sendDue(db, sender, null, clock, signal === undefined ? {} : { signal })
  await finishEditions(db, {}, clock.now())
  const after = await readTotals(db, editionIds)
  return {
    sent: after.sent - before.sent,
    deferred: after.unsent,
    failed: after.failed - before.failed,
    suppressed: after.suppressed - before.suppressed,
    skipped: after.skipped - before.skipped,
    relayError,
  }
}

async function findSending(db: Database): Promise<readonly number[]> {
  const rows = await db.execute<{ id: number }>(sql`select id from edition where state = 'sending' order by id`)
  return rows.rows.map(({ id }) => id)
}

/** The sums of the editions' batches. */
async function readTotals(db: Database, editionIds: readonly number[]): Promise<Totals> {
  const rows = await db.execute<Totals>(sql`
    select coalesce(sum(b.sent), 0) as sent, coalesce(sum(b.failed), 0) as failed,
      coalesce(sum(b.suppressed), 0) as suppressed, coalesce(sum(b.skipped), 0) as skipped,
      coalesce(sum(${unsentCount}), 0) as unsent
    from batch b where b.edition_id = ${anyOf(editionIds)}`)
  return rows.rows[0] ?? { sent: 0, failed: 0, suppressed: 0, skipped: 0, unsent: 0 }
}
