import { sql } from 'drizzle-orm'
import { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import type { Frequency } from '../db/schema/newsletter.ts'
import { latestSlot, type Schedule } from '../newsletters/schedule/slots.ts'

/** A cohort that is due. */
export type DueCohort = Schedule & {
  readonly id: number
  readonly newsletterId: number
  readonly dueAt: Temporal.Instant
}

/** Cohorts of one newsletter and frequency that are planned as one slot. */
export type DueSlot = {
  readonly frequency: Frequency
  /** The latest slot of all these cohorts. */
  readonly at: Temporal.Instant
  readonly cohortIds: readonly number[]
  /** Slots before it that were not planned, latest first; of `instant` windows only the first. */
  readonly skipped: readonly Temporal.Instant[]
}

/** The rest is left to the next tick. */
const MAX_COHORTS = 20_000
/** After a longer outage only the latest skipped slots are reported. */
const MAX_SKIPPED = 31
const SMALLEST_STEP = { milliseconds: 1 }

/** Finds the due cohorts of active newsletters, the longest overdue first. */
export async function findDueCohorts(db: Database, now: Temporal.Instant): Promise<readonly DueCohort[]> {
  const rows = await db.execute<Omit<DueCohort, 'dueAt'> & { dueAt: string }>(sql`
    select c.id, c.newsletter_id as "newsletterId", c.frequency, c.weekday, c.hour, c.zone, c.next_due_at as "dueAt"
    from cohort c join newsletter n on n.id = c.newsletter_id
    where c.next_due_at <= ${now.toString()} and n.state = 'active'
    order by c.next_due_at, c.id limit ${MAX_COHORTS}`)
  return rows.rows.map((row) => ({ ...row, dueAt: Temporal.Instant.from(row.dueAt) }))
}

/**
 * Groups a newsletter's due cohorts by the slots they are planned as, in order of time: for each cohort the latest slot of
 * its choice, however many have passed. Cohorts of several zones and hours whose slot is the same instant share it.
 */
export function groupDue(cohorts: readonly DueCohort[], now: Temporal.Instant): readonly DueSlot[] {
  const dated = cohorts.map((cohort) => ({ cohort, at: slotOf(cohort, now) }))
  const groups = Map.groupBy(dated, ({ cohort, at }) => `${cohort.frequency} ${at}`)
  const slots = [...groups.values()].flatMap((group) => {
    const [first] = group
    if (first === undefined) return []
    const { frequency } = first.cohort
    const skipped = new Map(group.flatMap((one) => skippedOf(one.cohort, one.at)).map((at) => [`${at}`, at]))
    const latest = [...skipped.values()].sort(Temporal.Instant.compare).reverse().slice(0, MAX_SKIPPED)
    return [{ frequency, at: first.at, cohortIds: group.map((one) => one.cohort.id), skipped: latest }]
  })
  return slots.sort((a, b) => Temporal.Instant.compare(a.at, b.at))
}

/** Never before the cohort's due time, which new rules of its time zone may have moved away from its slots. */
function slotOf(cohort: DueCohort, now: Temporal.Instant): Temporal.Instant {
  const latest = latestSlot(cohort, now)
  return Temporal.Instant.compare(latest, cohort.dueAt) < 0 ? cohort.dueAt : latest
}

function skippedOf(cohort: DueCohort, slot: Temporal.Instant): readonly Temporal.Instant[] {
  if (cohort.frequency === 'instant') return cohort.dueAt.equals(slot) ? [] : [cohort.dueAt]
  const skipped: Temporal.Instant[] = []
  let at = latestSlot(cohort, slot.subtract(SMALLEST_STEP))
  while (Temporal.Instant.compare(at, cohort.dueAt) >= 0 && skipped.length < MAX_SKIPPED) {
    skipped.push(at)
    at = latestSlot(cohort, at.subtract(SMALLEST_STEP))
  }
  return skipped
}
