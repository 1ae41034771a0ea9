import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { anyOf, finalCount, givenBackWatermark, idArray } from '../../db/sql.ts'
import { hasHomeVariant } from './pause-resume.ts'

const REASON = 'no article was left'

/** Variants of these editions with some of these entries; with `homeOnly` only those that the archive shows. */
type Affected = {
  readonly editionIds: readonly number[]
  readonly entryIds: readonly number[]
  readonly homeOnly: boolean
}

/** Whether variant `v` is affected. */
const isAffected = ({ editionIds, entryIds, homeOnly }: Affected) => sql`
  v.edition_id = ${anyOf(editionIds)} and v.entry_ids && ${idArray(entryIds)}
    and (v.home or not ${homeOnly}::boolean)`

/** The affected variants, each with the entries that remain, in their order. */
const reduced = (affected: Affected) => sql`
  select v.id, v.edition_id, v.locale, v.format, v.home, remaining.ids, md5(array_to_string(remaining.ids, ',')) as hash
  from variant v
  cross join lateral (
    select array(
      select u.id from unnest(v.entry_ids) with ordinality as u (id, place)
      where u.id <> all(${idArray(affected.entryIds)}) order by u.place
    ) as ids
  ) remaining
  where ${isAffected(affected)}`

/**
 * Creates or finds, for each variant with one of the entries, the variant without them. Workers cache compiled variants by
 * id, so only a new id makes them compile again. Where the old variant was the home's, the new one is.
 */
export async function replaceVariants(tx: Database, affected: Affected): Promise<void> {
  await tx.execute(sql`
    insert into variant (edition_id, public_id, locale, format, entry_ids, entries_hash, home)
    select edition_id, replace(gen_random_uuid()::text, '-', ''), locale, format, ids, hash, bool_or(home)
    from (${reduced(affected)}) o
    where cardinality(ids) > 0
    group by edition_id, locale, format, ids, hash
    order by edition_id, locale, format, hash
    on conflict (edition_id, locale, format, entries_hash) do update set home = variant.home or excluded.home`)
  await tx.execute(sql`update variant v set home = false where v.home and ${isAffected(affected)}`)
}

/**
 * Moves the unsent deliveries of these batches to the new variants. Those without an article left are skipped and counted,
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
      from (${reduced(affected)}) o
      left join variant n on n.edition_id = o.edition_id and n.locale = o.locale and n.format = o.format
        and n.entries_hash = o.hash and cardinality(o.ids) > 0
    ), unsent as (
      select b.id as batch_id, d.edition_id, d.seq, d.state, d.subscription_id, d.start_entry_id, r.new_id
      from batch b
      join delivery d on d.edition_id = b.edition_id and d.seq between b.from_seq and b.to_seq
      join replaced r on r.old_id = d.variant_id
      where b.id = ${anyOf(batchIds)} and d.edition_id = ${anyOf(affected.editionIds)} and d.state in ('queued', 'deferred')
    ), moved as (
      update delivery d set variant_id = u.new_id
      from unsent u where d.edition_id = u.edition_id and d.seq = u.seq and u.new_id is not null
    ), ended as (
      update delivery d set state = 'skipped', reason = ${REASON}, retry_at = null, final_at = ${now.toString()}
      from unsent u where d.edition_id = u.edition_id and d.seq = u.seq and u.new_id is null
    ), counted as (
      update batch b set skipped = b.skipped + c.ended, deferred = b.deferred - c.deferred,
        due_at = case when ${finalCount} + c.ended > b.to_seq - b.from_seq then null else b.due_at end
      from (
        select batch_id, count(*)::integer as ended, (count(*) filter (where state = 'deferred'))::integer as deferred
        from unsent where new_id is null group by batch_id
      ) c
      where b.id = c.batch_id
    ), given_back as (
      update subscription s set seen_entry_id = ${givenBackWatermark(sql`u.start_entry_id`)}
      from unsent u, cohort c where u.new_id is null and s.id = u.subscription_id and c.id = s.cohort_id
    )
    select count(*) filter (where new_id is not null) as moved, count(*) filter (where new_id is null) as skipped from unsent`)
  return done.rows[0] ?? { moved: 0, skipped: 0 }
}

/** Removes the entries from what the editions show, deletes variants that no delivery uses any more, and recounts. */
export async function removeFromEditions(tx: Database, affected: Affected): Promise<void> {
  const { editionIds, entryIds } = affected
  await tx.execute(sql`
    delete from edition_article where edition_id = ${anyOf(editionIds)} and entry_id = ${anyOf(entryIds)}`)
  await tx.execute(sql`
    delete from variant v
    where ${isAffected(affected)} and not exists (
      select from delivery d
      where d.edition_id = ${anyOf(editionIds)} and d.edition_id = v.edition_id and d.variant_id = v.id)`)
  await recount(tx, editionIds)
}

/** Removes articles from what every edition shows; a home edition without any leaves the archive. */
export async function removeFromArchive(db: Database, articleIds: readonly number[]): Promise<void> {
  await db.transaction(async (tx) => {
    const removed = await tx.execute<{ edition_id: number; entry_id: number }>(sql`
      delete from edition_article where article_id = ${anyOf(articleIds)} returning edition_id, entry_id`)
    if (removed.rows.length === 0) return
    const editionIds = [...new Set(removed.rows.map((row) => row.edition_id))].sort((a, b) => a - b)
    const entryIds = [...new Set(removed.rows.map((row) => row.entry_id))]
    await replaceVariants(tx, { editionIds, entryIds, homeOnly: true })
    await recount(tx, editionIds)
  })
}

async function recount(tx: Database, editionIds: readonly number[]): Promise<void> {
  await tx.execute(sql`
    update edition e set home = e.home and ${hasHomeVariant},
      article_count = (select count(*) from edition_article a where a.edition_id = e.id),
      variant_count = (select count(*) from variant v where v.edition_id = e.id)
    where e.id = ${anyOf(editionIds)}`)
}
