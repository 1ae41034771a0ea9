import { and, eq, gt, gte, like, sql } from 'drizzle-orm'
import { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { heartbeat } from '../db/schema/installation.ts'

const SCHEDULER = 'scheduler'
/** A period without heartbeats is a row too: its start is in the name, its end in `at`. */
const GAP = 'gap '
/** Heartbeats come once a minute, and the clocks of two schedulers differ by less than this. */
export const MIN_GAP_MINUTES = 5
/** Where the scheduler is a cron job, each pass leaves a gap: at one every 15 minutes these are ten days. */
const MAX_GAPS = 1_000
/** ISO 8601 as in JavaScript, so that names sort like their instants. */
const START = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'

/**
 * Records that the scheduler is alive, and the gap since the last heartbeat if there was one; a clock that was set back
 * counts as right. One statement, whose parts all see what was there before it.
 */
export async function recordBeat(db: Database, now: Temporal.Instant): Promise<void> {
  const at = sql`${now.toString()}::timestamptz`
  await db.execute(sql`
    with last as (
      select coalesce(max(at), 'epoch') as at from heartbeat where name = ${SCHEDULER}
    ), gap as (
      insert into heartbeat (name, at)
      select ${GAP}::text || to_char(last.at at time zone 'UTC', ${START}), ${at} from last
      where last.at < ${at} - ${`${MIN_GAP_MINUTES} minutes`}::interval
      on conflict (name) do update set at = excluded.at
    ), deleted as (
      delete from heartbeat where name in (select name from heartbeat where ${isGap} order by at desc offset ${MAX_GAPS})
    )
    insert into heartbeat (name, at) values (${SCHEDULER}, ${at})
    on conflict (name) do update set at = excluded.at`)
}

/** Reads when the scheduler was last alive; null when it never was. */
export async function readLastBeat(db: Database): Promise<Temporal.Instant | null> {
  const rows = await db.select({ at: heartbeat.at }).from(heartbeat).where(eq(heartbeat.name, SCHEDULER)).limit(1)
  return rows[0]?.at ?? null
}

/**
 * Reads until when schedulers saw the slots that were over at `now`: the start of the gap that `now` is in, else the last
 * heartbeat before it, else `now`, since then all were seen.
 */
export async function readSeenUntil(db: Database, now: Temporal.Instant): Promise<Temporal.Instant> {
  const gaps = await db
    .select({ name: heartbeat.name })
    .from(heartbeat)
    .where(and(isGap, gt(heartbeat.at, now)))
  const starts = gaps.map(({ name }) => Temporal.Instant.from(name.slice(GAP.length)))
  const last = await readLastBeat(db)
  const earlier = [...starts, ...(last === null ? [] : [last])].filter((at) => Temporal.Instant.compare(at, now) <= 0)
  return earlier.toSorted(Temporal.Instant.compare)[0] ?? now
}

/** Deletes gaps that begin after `now`, and ends one that `now` is in there: the clock was set back. */
export async function deleteBeatsAfter(db: Database, now: Temporal.Instant): Promise<void> {
  const first = `${GAP}${now.toString({ smallestUnit: 'millisecond' })}`
  await db.delete(heartbeat).where(and(isGap, gte(heartbeat.name, first)))
  await db
    .update(heartbeat)
    .set({ at: now })
    .where(and(isGap, gt(heartbeat.at, now)))
}

const isGap = like(heartbeat.name, `${GAP}%`)
