import { sql } from 'drizzle-orm'
import { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { anyOf } from '../db/sql.ts'
import { advanceRetries } from '../delivery/advance-retries.ts'
import { shortenLeases } from '../delivery/lease.ts'
import { recordMissedSlots } from '../editions/plan/missed.ts'
import { lockCohortsForUpdate } from '../newsletters/schedule/lock-cohorts.ts'
import { nextSlot } from '../newsletters/schedule/slots.ts'
import { shortenOptInWaits } from '../subscribers/confirmation/opt-in-queue.ts'
import { type DueCohort, groupDue } from './due-cohorts.ts'
import { deleteBeatsAfter, MIN_GAP_MINUTES, readSeenUntil } from './heartbeat.ts'

/** A cohort whose due time is in the future; `planned` where it was planned for a slot that was not seen in time. */
type CohortAhead = Omit<DueCohort, 'dueAt'> & { readonly planned: boolean; readonly since: string }

/** Whether the clock was set back since the scheduler's last heartbeat. */
export function wasSetBack(lastBeat: Temporal.Instant | null, now: Temporal.Instant): boolean {
  return lastBeat !== null && isAfter(lastBeat, now.add({ minutes: MIN_GAP_MINUTES }))
}

/** Whether cohorts were planned, by a worker of another machine for example, by a clock that is ahead of this one. */
export async function isPlannedAhead(db: Database, now: Temporal.Instant): Promise<boolean> {
  const latest = now.add({ minutes: MIN_GAP_MINUTES }).toString()
  const rows = await db.execute<{ ahead: boolean }>(
    sql`select exists (select from cohort where last_slot_at > ${latest}) as ahead`,
  )
  return rows.rows[0]?.ahead ?? false
}

/**
 * Corrects due times after the clock was set back. Cohorts are due again at their first slot that was not seen in time, the
 * present hour's among them, instead of after the wrong time; slots that the wrong clock gave up are decided again, and no
 * lease, retry or wait lasts until the wrong time. A slot that was planned has its edition already, so that no reader gets
 * it twice; one whose articles went out with a future slot is recorded as `missed` unless there is something new for it.
 * Returns how many cohorts moved.
 */
export async function correctDueTimes(db: Database, now: Temporal.Instant): Promise<number> {
  await shortenLeases(db, now)
  return db.transaction(async (tx) => {
    const seenUntil = await readSeenUntil(tx, now)
    const ahead = await lockAhead(tx, seenUntil, now)
    const cohorts = ahead.map((cohort) => ({ ...cohort, dueAt: correctedDueTime(cohort, seenUntil, now) }))
    await tx.execute(sql`
      delete from edition
      where state = 'missed' and created_at > ${now.toString()} and slot_at > ${seenUntil.toString()}`)
    await recordSentEarly(tx, cohorts, now)
    await moveBack(tx, cohorts)
    await advanceRetries(tx, now)
    await shortenOptInWaits(tx, now)
    await deleteBeatsAfter(tx, now)
    return cohorts.length
  })
}

async function lockAhead(
  tx: Database,
  seenUntil: Temporal.Instant,
  now: Temporal.Instant,
): Promise<readonly CohortAhead[]> {
  const at = now.toString()
  const locked = await lockCohortsForUpdate(tx, sql`next_due_at > ${at}`)
  const rows = await tx.execute<CohortAhead>(sql`
    select c.id, c.newsletter_id as "newsletterId", c.frequency, c.weekday, c.hour, c.zone,
      coalesce(c.last_slot_at > ${seenUntil.toString()}, false) as planned, least(n.created_at, ${at}::timestamptz) as since
    from cohort c join newsletter n on n.id = c.newsletter_id
    where c.id = ${anyOf(locked.map(({ id }) => id))} order by c.id`)
  return rows.rows
}

/** A cohort that was created meanwhile, and therefore is due too late, has not had a slot yet. */
function correctedDueTime(cohort: CohortAhead, seenUntil: Temporal.Instant, now: Temporal.Instant): Temporal.Instant {
  const since = Temporal.Instant.from(cohort.since)
  return nextSlot(cohort, !cohort.planned ? now : isAfter(since, seenUntil) ? since : seenUntil)
}

async function moveBack(tx: Database, cohorts: readonly DueCohort[]): Promise<void> {
  const moves = cohorts.map(({ id, dueAt }) => ({ id, dueAt: dueAt.toString() }))
  await tx.execute(sql`
    update cohort c set next_due_at = least(c.next_due_at, m."dueAt"), last_slot_at = null
    from jsonb_to_recordset(${JSON.stringify(moves)}::jsonb) as m (id bigint, "dueAt" timestamptz)
    where c.id = m.id`)
}

/** Records slots that are over and have no articles left, since an edition of a future slot has sent them, as `missed`. */
async function recordSentEarly(tx: Database, cohorts: readonly DueCohort[], now: Temporal.Instant): Promise<void> {
  const due = cohorts.filter(({ dueAt }) => !isAfter(dueAt, now))
  const early = await tx.execute<{ newsletter_id: number; frequency: string; slot_at: string }>(sql`
    select e.newsletter_id, e.frequency, max(e.slot_at) as slot_at from edition e
    where e.slot_at > ${now.toString()} and e.created_at > ${now.toString()} and e.state <> 'missed'
    group by e.newsletter_id, e.frequency
    having max(e.bound_entry_id) >= (select coalesce(max(id), 0) from entry n where n.newsletter_id = e.newsletter_id)`)
  for (const { newsletter_id: id, frequency, slot_at: slotAt } of early.rows) {
    const own = due.filter((cohort) => cohort.newsletterId === id && cohort.frequency === frequency)
    const slots = groupDue(own, now).flatMap(({ at, skipped }) =>
      [...skipped, at].map((slot) => ({ frequency, at: slot })),
    )
    const reason = `The clock was ahead: its articles were sent too early, as those of ${Temporal.Instant.from(slotAt)}.`
    await recordMissedSlots(tx, id, slots, reason, now)
  }
}

const isAfter = (one: Temporal.Instant, other: Temporal.Instant) => Temporal.Instant.compare(one, other) > 0
