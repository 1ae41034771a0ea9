import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import type { Frequency } from '../../db/schema/newsletter.ts'
import { nextSlot } from './slots.ts'

type Due = { id: number; frequency: Frequency; weekday: number | null; hour: number | null; zone: string }

/** Moves a newsletter's cohorts whose slot has passed on to their next one, as if that slot had not been. */
export async function skipSlots(tx: Database, newsletterId: number, now: Temporal.Instant): Promise<void> {
  const due = await tx.execute<Due>(sql`
    select id, frequency, weekday, hour, zone from cohort
    where newsletter_id = ${newsletterId} and next_due_at <= ${now.toString()} order by id for no key update`)
  const rows = due.rows.map(({ id, ...choice }) => ({ id, at: nextSlot(choice, now).toString() }))
  await tx.execute(sql`
    update cohort c set next_due_at = w.at
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as w (id bigint, at timestamptz)
    where c.id = w.id`)
}
