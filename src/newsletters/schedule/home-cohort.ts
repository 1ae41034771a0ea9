import { and, eq, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { cohort, type newsletter } from '../../db/schema/newsletter.ts'
import { lockCohortsForNoKeyUpdate, lockCohortsForUpdate } from './lock-cohorts.ts'
import { nextSlot, type Schedule } from './slots.ts'

type Newsletter = Pick<typeof newsletter.$inferSelect, 'id' | 'frequency' | 'hour' | 'zone'>

/** The home choice of a newsletter: what readers get who choose nothing. */
export function homeSchedule({ frequency, hour, zone }: Omit<Newsletter, 'id'>): Schedule {
  return { frequency, weekday: frequency === 'weekly' ? 1 : null, hour: frequency === 'instant' ? null : hour, zone }
}

/** Makes the newsletter's home the cohort of its own frequency, hour and zone; a new cohort starts after `seenEntryId`. */
export async function makeHomeCohort(
  tx: Database,
  newsletter: Newsletter,
  seenEntryId: number,
  now: Temporal.Instant,
): Promise<void> {
  const schedule = homeSchedule(newsletter)
  await tx
    .insert(cohort)
    .values({ newsletterId: newsletter.id, ...schedule, home: true, seenEntryId, nextDueAt: nextSlot(schedule, now) })
    .onConflictDoUpdate({
      target: [cohort.newsletterId, cohort.frequency, cohort.weekday, cohort.hour, cohort.zone, cohort.part],
      set: { home: true },
    })
}

/** Moves the home to the cohort of the newsletter's changed frequency, hour and zone; readers stay where they are. */
export async function moveHomeCohort(tx: Database, newsletter: Newsletter, now: Temporal.Instant): Promise<void> {
  const seenEntryId = await lockHomes(tx, newsletter)
  await makeHomeCohort(tx, newsletter, seenEntryId, now)
}

/** Locks the old home and the new one, in id order as planning does, and returns the old one's watermark. */
async function lockHomes(tx: Database, newsletter: Newsletter): Promise<number> {
  const { frequency, weekday, hour, zone } = homeSchedule(newsletter)
  const isNext = sql`${cohort.frequency} = ${frequency} and ${cohort.zone} = ${zone} and ${cohort.part} = 0
    and ${cohort.weekday} is not distinct from ${weekday} and ${cohort.hour} is not distinct from ${hour}`
  const locked = await lockCohortsForUpdate(
    tx,
    sql`${cohort.newsletterId} = ${newsletter.id} and (${cohort.home} or ${isNext})`,
  )
  await tx
    .update(cohort)
    .set({ home: false })
    .where(and(eq(cohort.newsletterId, newsletter.id), cohort.home))
  return locked.find((row) => row.home)?.seenEntryId ?? 0
}

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
