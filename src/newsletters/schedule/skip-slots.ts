import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { lockCohortsForNoKeyUpdate } from './lock-cohorts.ts'
import { nextSlot } from './slots.ts'

/** Moves a newsletter's cohorts whose slot has passed on to their next one, as if that slot had not been. */
export async function skipSlots(tx: Database, newsletterId: number, now: Temporal.Instant): Promise<void> {
  const due = await lockCohortsForNoKeyUpdate(
    tx,
    sql`newsletter_id = ${newsletterId} and next_due_at <= ${now.toString()}`,
  )
  const rows = due.map((cohort) => ({ id: cohort.id, at: nextSlot(cohort, now).toString() }))
  await tx.execute(sql`
    update cohort c set next_due_at = w.at
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as w (id bigint, at timestamptz)
    where c.id = w.id`)
}
