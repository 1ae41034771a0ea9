import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'

/** Deliveries a worker leases at once. */
const DELIVERIES_A_SHARE = 500

/**
 * Writes what `planned_selection` selected for the edition: variants, the frozen fields of their articles, one delivery
 * for each reader ordered by variant, the shares over them; and marks the unsent deliveries they take over as
 * superseded. Returns how many deliveries it wrote.
 */
export async function writeDeliveries(tx: Database, editionId: number, now: Temporal.Instant): Promise<number> {
  await writeVariants(tx, editionId)
  await freezeArticles(tx, editionId)
  const firstSeq = await readNextSeq(tx, editionId)
  const written = await tx.execute(sql`
    insert into delivery
      (edition_id, seq, variant_id, subscription_id, subscriber_id, start_entry_id, state, attempts, first_tried_at, retry_at)
    select ${editionId}, ${firstSeq - 1} + row_number() over (order by v.id, r.subscriber_id),
      v.id, r.subscription_id, r.subscriber_id, r.since,
      case when r.retry_at is null then 'queued' else 'deferred' end, r.attempts, r.first_tried_at, r.retry_at
    from planned_reader r
    join planned_group g on g.topics = r.topics and g.locale = r.locale and g.format = r.format and g.seen = r.seen
      and g.since = r.since and not g.home
    join planned_selection l on l.group_id = g.id and l.enough
    join variant v on v.edition_id = ${editionId} and v.locale = l.locale and v.format = l.format
      and v.entries_hash = l.entries_hash`)
  const count = written.rowCount ?? 0
  if (count === 0) return 0
  await writeShares(tx, editionId, firstSeq, now)
  await supersede(tx, editionId, firstSeq, now)
  return count
}

async function writeVariants(tx: Database, editionId: number): Promise<void> {
  await tx.execute(sql`
    insert into variant (edition_id, public_id, locale, format, entry_ids, entries_hash, home)
    select ${editionId}, replace(gen_random_uuid()::text, '-', ''), locale, format, entry_ids, entries_hash, bool_or(home)
    from planned_selection where enough
    group by locale, format, entry_ids, entries_hash
    order by locale, format, entries_hash
    on conflict (edition_id, locale, format, entries_hash) do update set home = variant.home or excluded.home`)
}

async function freezeArticles(tx: Database, editionId: number): Promise<void> {
  await tx.execute(sql`
    insert into edition_article (edition_id, entry_id, article_id, url, title, summary, author, image_url, image_alt,
      language, source, topics, word_count, published_at)
    select ${editionId}, e.id, a.id, a.url, a.title, a.summary, a.author, a.image_url, a.image_alt, a.language,
      coalesce(s.title, ''), a.topics, a.word_count, a.published_at
    from (select distinct unnest(entry_ids) as id from planned_selection where enough) chosen
    join entry e on e.id = chosen.id
    join article a on a.id = e.article_id
    join source s on s.id = a.source_id
    on conflict do nothing`)
}

async function readNextSeq(tx: Database, editionId: number): Promise<number> {
  const rows = await tx.execute<{ next: number }>(
    sql`select coalesce(max(to_seq), 0) + 1 as next from share where edition_id = ${editionId}`,
  )
  return rows.rows[0]?.next ?? 1
}

async function writeShares(tx: Database, editionId: number, firstSeq: number, now: Temporal.Instant): Promise<void> {
  await tx.execute(sql`
    insert into share (edition_id, from_seq, to_seq, due_at, deferred)
    select edition_id, min(seq), max(seq),
      min(case state when 'queued' then ${now.toString()}::timestamptz else retry_at end),
      count(*) filter (where state = 'deferred')
    from delivery where edition_id = ${editionId} and seq >= ${firstSeq}
    group by edition_id, (seq - ${firstSeq}) / ${DELIVERIES_A_SHARE}
    order by min(seq)`)
}

/** A reader has at most one open delivery: the older ones end here, in their rows and in their shares' counters. */
async function supersede(tx: Database, editionId: number, firstSeq: number, now: Temporal.Instant): Promise<void> {
  await tx.execute(sql`
    with taken as (
      select r.open_edition_id as edition_id, r.open_seq as seq, r.open_state as state
      from planned_reader r
      join delivery n on n.edition_id = ${editionId} and n.seq >= ${firstSeq} and n.subscriber_id = r.subscriber_id
      where r.open_edition_id is not null
    ), ended as (
      update delivery d set state = 'superseded', retry_at = null, final_at = ${now.toString()}
      from taken t where d.edition_id = t.edition_id and d.seq = t.seq
    )
    update share s set
      superseded = s.superseded + c.taken,
      deferred = s.deferred - c.deferred,
      due_at = case when s.sent + s.failed + s.suppressed + s.skipped + s.superseded + s.cancelled + c.taken
        > s.to_seq - s.from_seq then null else s.due_at end
    from (
      select s.id, count(*)::integer as taken, (count(*) filter (where t.state = 'deferred'))::integer as deferred
      from taken t join share s on s.edition_id = t.edition_id and t.seq between s.from_seq and s.to_seq
      group by s.id
    ) c
    where s.id = c.id`)
}
