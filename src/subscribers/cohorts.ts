import { type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { anyOf } from '../db/sql.ts'
import { lockCohortsForNoKeyUpdate } from '../newsletters/schedule/lock-cohorts.ts'
import { nextSlot, type Schedule, startOf } from '../newsletters/schedule/slots.ts'

/** `count` (at most 100,000) new subscriptions of one choice; each choice of a newsletter stands in one placement. */
type Placement = { readonly newsletterId: number; readonly schedule: Schedule; readonly count: number }

/** A larger cohort would make a planning transaction too long. */
const MOST_MEMBERS = 100_000

/** The newsletter's last entry made by `at`: the watermark of whoever has seen everything until then. */
const seenAt = (newsletterId: SQL, at: SQL): SQL<number> =>
  sql<number>`(select coalesce(max(id), 0) from entry where newsletter_id = ${newsletterId} and created_at <= ${at})`

/**
 * Finds each placement a cohort with room, or makes it: watermark one frequency period before its first slot. Their rows,
 * and those of the cohorts that readers move `away` from, are then locked until the transaction ends: in id order, as
 * planning does, so that a watermark read from now on holds.
 */
export async function placeInCohorts(
  tx: Database,
  placements: readonly Placement[],
  away: readonly number[],
  now: Temporal.Instant,
): Promise<readonly number[]> {
  for (;;) {
    await addMissing(tx, placements, now)
    const ids = await findRoom(tx, placements)
    const locked = await lockCohortsForNoKeyUpdate(tx, sql`id = ${anyOf([...ids, ...away])}`)
    const members = new Map(locked.map((cohort) => [cohort.id, cohort.members]))
    // Another transaction may have filled a part before its row was ours: look again.
    const placed = placements.flatMap(({ count }, index) => {
      const id = ids[index] ?? -1
      return (members.get(id) ?? MOST_MEMBERS) + count <= MOST_MEMBERS ? [{ id, count }] : []
    })
    if (placed.length < placements.length) continue
    await countMembers(tx, placed)
    return placed.map(({ id }) => id)
  }
}

/**
 * The own watermarks of subscriptions that become active now in these cohorts, which must be locked: null where the
 * cohort's own is where they start (DESIGN I1).
 */
export async function findStarts(
  tx: Database,
  places: readonly { readonly cohortId: number; readonly schedule: Schedule }[],
  now: Temporal.Instant,
): Promise<readonly (number | null)[]> {
  const wanted = places.map(({ cohortId, schedule }, n) => ({
    n,
    cohortId,
    startAt: startOf(schedule, now).toString(),
  }))
  const found = await tx.execute<{ start: number | null }>(sql`
    select nullif(${seenAt(sql`c.newsletter_id`, sql`w."startAt"`)}, c.seen_entry_id) as start
    from jsonb_to_recordset(${JSON.stringify(wanted)}::jsonb) as w (n integer, "cohortId" bigint, "startAt" timestamptz)
    join cohort c on c.id = w."cohortId"
    order by w.n`)
  return found.rows.map((row) => row.start)
}

const wantedRows = (placements: readonly Placement[]) =>
  placements.map(({ newsletterId, schedule, count }, n) => ({ n, newsletterId, ...schedule, count }))

/** A weekday or hour of null compares as 0 and 24: `is not distinct from` could use neither hash nor index. */
const sameChoice = sql`c.newsletter_id = w."newsletterId" and c.frequency = w.frequency and c.zone = w.zone
      and coalesce(c.weekday, 0) = coalesce(w.weekday, 0) and coalesce(c.hour, 24) = coalesce(w.hour, 24)`

async function addMissing(tx: Database, placements: readonly Placement[], now: Temporal.Instant): Promise<void> {
  const wanted = wantedRows(placements).map((row, index) => {
    const schedule = placements[index]?.schedule ?? row
    return { ...row, startAt: startOf(schedule, now).toString(), dueAt: nextSlot(schedule, now).toString() }
  })
  await tx.execute(sql`
    insert into cohort (newsletter_id, frequency, weekday, hour, zone, part, seen_entry_id, next_due_at)
    select w."newsletterId", w.frequency, w.weekday, w.hour, w.zone, coalesce(max(c.part) + 1, 0),
      ${seenAt(sql`w."newsletterId"`, sql`w."startAt"`)}, w."dueAt"
    from jsonb_to_recordset(${JSON.stringify(wanted)}::jsonb) as w ("newsletterId" bigint, frequency text,
      weekday smallint, hour smallint, zone text, count integer, "startAt" timestamptz, "dueAt" timestamptz)
    left join cohort c on ${sameChoice}
    group by w."newsletterId", w.frequency, w.weekday, w.hour, w.zone, w.count, w."startAt", w."dueAt"
    having coalesce(min(c.members), ${MOST_MEMBERS}) + w.count > ${MOST_MEMBERS}
    order by 1, 2, 5, 4, 3
    on conflict on constraint cohort_schedule do nothing`)
}

/** The first part with room for each placement; −1 where another transaction has just filled the last. */
async function findRoom(tx: Database, placements: readonly Placement[]): Promise<readonly number[]> {
  const found = await tx.execute<{ id: number | null }>(sql`
    select (select c.id from cohort c where ${sameChoice} and c.members + w.count <= ${MOST_MEMBERS}
      order by c.part limit 1) as id
    from jsonb_to_recordset(${JSON.stringify(wantedRows(placements))}::jsonb) as w (n integer, "newsletterId" bigint,
      frequency text, weekday smallint, hour smallint, zone text, count integer)
    order by w.n`)
  return found.rows.map((row) => row.id ?? -1)
}

async function countMembers(
  tx: Database,
  placed: readonly { readonly id: number; readonly count: number }[],
): Promise<void> {
  await tx.execute(sql`
    update cohort c set members = c.members + w.count
    from jsonb_to_recordset(${JSON.stringify(placed)}::jsonb) as w (id bigint, count integer)
    where c.id = w.id`)
}
