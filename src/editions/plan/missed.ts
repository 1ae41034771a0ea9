import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Clock, Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { toBase32 } from '../../mail/mime/base32.ts'
import type { Slot, SlotRequest } from '../plan-request.ts'
import { advanceDueTimes, lockDueCohorts } from './due-times.ts'

/**
 * Gives a slot up: moves the cohorts that are still due past it, but not their watermarks, so that its articles come with
 * the next slot, and records it as `missed`. False when no cohort was left or the slot has an edition already.
 */
export async function markSlotMissed(
  db: Database,
  request: SlotRequest,
  reason: string,
  clock: Clock,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const now = clock.now()
    const { cohorts } = await lockDueCohorts(tx, request, request.cohortIds)
    if (cohorts.length === 0) return false
    const recorded = await recordMissedSlots(tx, request.newsletterId, [request.slot], reason, now)
    await advanceDueTimes(tx, cohorts, request.slot, now)
    return recorded.length > 0
  })
}

/** Records slots of one newsletter as `missed` and returns those that had no edition yet. */
export async function recordMissedSlots(
  db: Database,
  newsletterId: number,
  slots: readonly Slot[],
  reason: string,
  now: Temporal.Instant,
): Promise<readonly Slot[]> {
  if (slots.length === 0) return []
  const rows = slots.map(({ frequency, at }, n) => ({
    n,
    frequency,
    at: at.toString(),
    publicId: toBase32(randomBytes(10)),
  }))
  const created = await db.execute<{ public_id: string }>(sql`
    insert into edition
      (public_id, newsletter_id, frequency, slot_at, state, reason, bound_entry_id, nonce, created_at, finished_at)
    select m."publicId", ${newsletterId}, m.frequency, m.at, 'missed', ${reason}, 0, ${randomBytes(32)}, ${now.toString()},
      ${now.toString()}
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as m (n integer, frequency text, at timestamptz, "publicId" text)
    order by m.n
    on conflict do nothing
    returning public_id`)
  const recorded = new Set(created.rows.map((row) => row.public_id))
  return slots.filter((_, n) => recorded.has(rows[n]?.publicId ?? ''))
}
