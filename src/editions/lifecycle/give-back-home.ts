import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'

/**
 * Takes a cancelled edition out of the archive if no reader has received it: the home cohort's watermark goes back to where
 * the edition started, so that the next home edition has its articles. An edition that a reader has received stays in the
 * archive, and so does one that a later home edition follows. The newsletter's cohorts must be locked. Returns whether the
 * watermark was given back.
 */
export async function giveBackHomeWatermark(tx: Database, editionId: number, newsletterId: number): Promise<boolean> {
  const found = await tx.execute<{ start: number | null }>(sql`
    select min(entry.id) - 1 as start
    from variant v, unnest(v.entry_ids) as entry (id)
    where v.edition_id = ${editionId} and v.home
      and not exists (select from batch b where b.edition_id = ${editionId} and b.sent > 0)
      and not exists (
        select from edition l join variant h on h.edition_id = l.id and h.home
        where l.newsletter_id = ${newsletterId} and l.id > ${editionId} and l.state not in ('cancelled', 'missed'))`)
  const start = found.rows[0]?.start ?? null
  if (start === null) return false
  await keepReaderWatermarks(tx, newsletterId)
  await tx.execute(sql`
    update cohort set seen_entry_id = least(seen_entry_id, ${start}) where newsletter_id = ${newsletterId} and home`)
  return true
}

/** Gives readers of the home cohort its watermark as their own, so that theirs does not go back with it. */
async function keepReaderWatermarks(tx: Database, newsletterId: number): Promise<void> {
  await tx.execute(sql`
    update subscription s set seen_entry_id = c.seen_entry_id
    from cohort c
    where c.newsletter_id = ${newsletterId} and c.home and s.cohort_id = c.id
      and s.seen_entry_id is null and s.confirmed_at is not null`)
}
