import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { hasHome } from './pause-resume.ts'

const REASON = 'no article was left'

const listed = (ids: readonly number[]) => sql`any(${`{${ids.join(',')}}`}::bigint[])`

/** Selections that hold some of these entries, in these editions; with `homeOnly` what the archive shows of them. */
type Affected = {
  readonly editionIds: readonly number[]
  readonly entryIds: readonly number[]
  readonly homeOnly: boolean
}

/** The affected variants `v`. */
const isAffected = ({ editionIds, entryIds, homeOnly }: Affected) => sql`
  v.edition_id = ${listed(editionIds)} and v.entry_ids && ${`{${entryIds.join(',')}}`}::bigint[]
    and (v.home or not ${homeOnly}::boolean)`

/** The affected variants, each with what is left of its selection, in its order. */
const shrunk = (affected: Affected) => sql`
  select v.id, v.edition_id, v.locale, v.format, v.home, left_over.ids, md5(array_to_string(left_over.ids, ',')) as hash
  from variant v
  cross join lateral (
    select array(
      select u.id from unnest(v.entry_ids) with ordinality as u (id, place)
      where u.id <> all(${`{${affected.entryIds.join(',')}}`}::bigint[]) order by u.place
    ) as ids
  ) left_over
  where ${isAffected(affected)}`

/**
 * Makes or finds, for each variant with one of the entries, the variant without them: workers keep compiled variants by
 * id, so that a new id is what makes them look again. A home selection goes over to the new one.
 */
export async function replaceVariants(tx: Database, affected: Affected): Promise<void> {
  await tx.execute(sql`
    insert into variant (edition_id, public_id, locale, format, entry_ids, entries_hash, home)
    select edition_id, replace(gen_random_uuid()::text, '-', ''), locale, format, ids, hash, bool_or(home)
    from (${shrunk(affected)}) o
    where cardinality(ids) > 0
    group by edition_id, locale, format, ids, hash
    order by edition_id, locale, format, hash
    on conflict (edition_id, locale, format, entries_hash) do update set home = variant.home or excluded.home`)
  await tx.execute(sql`update variant v set home = false where v.home and ${isAffected(affected)}`)
}

/**
 * Moves the open deliveries of these batches to the new variants. Those without an article left are skipped, counted,
 * and give their watermarks back. The newsletter's cohorts and open batches must be locked.
 */
export async function withdrawBatches(
  tx: Database,
  affected: Affected,
  batchIds: readonly number[],
  now: Temporal.Instant,
): Promise<{ readonly moved: number; readonly skipped: number }> {
  if (batchIds.length === 0) return { moved: 0, skipped: 0 }
  const done = await tx.execute<{ moved: number; skipped: number }>(sql`
    with replaced as (
      select o.id as old_id, n.id as new_id
      from (${shrunk(affected)}) o
      left join variant n on n.edition_id = o.edition_id and n.locale = o.locale and n.format = o.format
        and n.entries_hash = o.hash and cardinality(o.ids) > 0
    ), open as (
      select s.id as batch_id, d.edition_id, d.seq, d.state, d.subscription_id, d.start_entry_id, r.new_id
      from batch s
      join delivery d on d.edition_id = s.edition_id and d.seq between s.from_seq and s.to_seq
      join replaced r on r.old_id = d.variant_id
      where s.id = ${listed(batchIds)} and d.edition_id = ${listed(affected.editionIds)} and d.state in ('queued', 'deferred')
    ), moved as (
      update delivery d set variant_id = o.new_id
      from open o where d.edition_id = o.edition_id and d.seq = o.seq and o.new_id is not null
    ), ended as (
      update delivery d set state = 'skipped', reason = ${REASON}, retry_at = null, final_at = ${now.toString()}
      from open o where d.edition_id = o.edition_id and d.seq = o.seq and o.new_id is null
    ), counted as (
      update batch s set skipped = s.skipped + c.ended, deferred = s.deferred - c.deferred,
        due_at = case when s.sent + s.failed + s.suppressed + s.skipped + s.superseded + s.cancelled + c.ended
          > s.to_seq - s.from_seq then null else s.due_at end
      from (
        select batch_id, count(*)::integer as ended, (count(*) filter (where state = 'deferred'))::integer as deferred
        from open where new_id is null group by batch_id
      ) c
      where s.id = c.batch_id
    ), given as (
      update subscription s set seen_entry_id = least(coalesce(s.seen_entry_id, c.seen_entry_id), o.start_entry_id)
      from open o, cohort c where o.new_id is null and s.id = o.subscription_id and c.id = s.cohort_id
    )
    select count(*) filter (where new_id is not null) as moved, count(*) filter (where new_id is null) as skipped from open`)
  return done.rows[0] ?? { moved: 0, skipped: 0 }
}

/** Takes the entries out of what the editions show, drops the variants that are no delivery's any more, and counts anew. */
export async function removeFromEditions(tx: Database, affected: Affected): Promise<void> {
  const { editionIds, entryIds } = affected
  await tx.execute(sql`
    delete from edition_article where edition_id = ${listed(editionIds)} and entry_id = ${listed(entryIds)}`)
  await tx.execute(sql`
    delete from variant v
    where ${isAffected(affected)} and not exists (
      select from delivery d
      where d.edition_id = ${listed(editionIds)} and d.edition_id = v.edition_id and d.variant_id = v.id)`)
  await countAnew(tx, editionIds)
}

/** Takes articles out of what every edition shows; a home edition without any is no part of the archive. */
export async function removeFromArchive(db: Database, articleIds: readonly number[]): Promise<void> {
  await db.transaction(async (tx) => {
    const gone = await tx.execute<{ edition_id: number; entry_id: number }>(sql`
      delete from edition_article where article_id = ${listed(articleIds)} returning edition_id, entry_id`)
    if (gone.rows.length === 0) return
    const editionIds = [...new Set(gone.rows.map((row) => row.edition_id))].sort((a, b) => a - b)
    const entryIds = [...new Set(gone.rows.map((row) => row.entry_id))]
    await replaceVariants(tx, { editionIds, entryIds, homeOnly: true })
    await countAnew(tx, editionIds)
  })
}

async function countAnew(tx: Database, editionIds: readonly number[]): Promise<void> {
  await tx.execute(sql`
    update edition e set home = e.home and ${hasHome},
      article_count = (select count(*) from edition_article a where a.edition_id = e.id),
      variant_count = (select count(*) from variant v where v.edition_id = e.id)
    where e.id = ${listed(editionIds)}`)
}
