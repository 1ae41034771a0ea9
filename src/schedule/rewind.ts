import { sql } from 'drizzle-orm'
import { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { shortenLeases } from '../deliver/send/lease.ts'
import { type Choice, nextSlot } from '../subscribe/choice/slots.ts'

/** Clocks of two schedulers may differ by less. */
const LEAST_MINUTES = 5

/** Whether the clock was set back since the scheduler last said that it is alive. */
export function wasSetBack(lastBeat: Temporal.Instant | null, now: Temporal.Instant): boolean {
  return lastBeat !== null && Temporal.Instant.compare(lastBeat, now.add({ minutes: LEAST_MINUTES })) > 0
}

/**
 * After the clock was set back: cohorts are due at their next slot again, instead of after a time that never was, slots
 * to come are not `missed` any more, and no lease lasts until then. A slot that was planned already has its edition, so
 * that nobody gets it twice.
 */
export async function rewindDueTimes(db: Database, now: Temporal.Instant): Promise<void> {
  await shortenLeases(db, now)
  await db.transaction(async (tx) => {
    const ahead = await tx.execute<Choice & { id: number }>(sql`
      select id, rhythm, weekday, hour, zone from cohort where next_due_at > ${now.toString()} order by id for update`)
    const moves = ahead.rows.map((cohort) => ({ id: cohort.id, dueAt: nextSlot(cohort, now).toString() }))
    await tx.execute(sql`
      update cohort c set next_due_at = m."dueAt"
      from jsonb_to_recordset(${JSON.stringify(moves)}::jsonb) as m (id bigint, "dueAt" timestamptz)
      where c.id = m.id and c.next_due_at > m."dueAt"`)
    await tx.execute(sql`delete from edition where state = 'missed' and slot_at > ${now.toString()}`)
  })
}
