import { sql } from 'drizzle-orm'
import { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { anyOf } from '../../db/sql.ts'
import { type LockedCohort, lockCohortsForUpdate } from '../../newsletters/schedule/lock-cohorts.ts'
import { nextSlot, type Schedule } from '../../newsletters/schedule/slots.ts'
import { scheduleKey } from '../../subscribers/preferences/preferences.ts'
import type { PlanRequest, Slot } from '../plan-request.ts'
import type { Slice } from './audience.ts'

type LockedSlice = Slice & { readonly cohorts: readonly LockedCohort[] }

/** Locks cohorts for planning; for a slot only those that no other planner has moved past it meanwhile. */
export async function lockDueCohorts(
  tx: Database,
  request: Pick<PlanRequest, 'slot'>,
  cohortIds: readonly number[],
): Promise<LockedSlice> {
  const isDue = request.slot === null ? sql`true` : sql`next_due_at <= ${request.slot.at.toString()}`
  const cohorts = await lockCohortsForUpdate(tx, sql`id = ${anyOf(cohortIds)} and ${isDue}`)
  return { cohorts, cohortIds: cohorts.map(({ id }) => id), home: cohorts.some(({ home }) => home) }
}

/** Moves locked cohorts past a slot: each is due again at its first slot that is after this one and after `now`. */
export async function advanceDueTimes(
  tx: Database,
  cohorts: readonly LockedCohort[],
  slot: Slot,
  now: Temporal.Instant,
): Promise<void> {
  const after = Temporal.Instant.compare(slot.at, now) > 0 ? slot.at : now
  const dueTimes = new Map<string, string>()
  const dueAfter = (schedule: Schedule) => {
    const dueAt = dueTimes.get(scheduleKey(schedule)) ?? nextSlot(schedule, after).toString()
    dueTimes.set(scheduleKey(schedule), dueAt)
    return dueAt
  }
  const moves = cohorts.map((cohort) => ({ id: cohort.id, dueAt: dueAfter(cohort) }))
  await tx.execute(sql`
    update cohort c set next_due_at = m."dueAt", last_slot_at = ${slot.at.toString()}
    from jsonb_to_recordset(${JSON.stringify(moves)}::jsonb) as m (id bigint, "dueAt" timestamptz)
    where c.id = m.id`)
}
