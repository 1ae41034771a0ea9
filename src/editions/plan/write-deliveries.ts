import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'

/** Deliveries a worker leases at once. */
const DELIVERIES_A_SHARE = 500

/**
 * Writes what `planned_selection` selected for the edition: variants, the frozen fields of their articles, one delivery
 * for each reader ordered by variant, the batches over them; and marks the unsent deliveries they take over as
 * superseded. Returns how many deliveries it wrote.
 */
export async function writeDeliveries(tx: Database, editionId: number, now: Temporal.Instant): Promise<number> {
  await writeVariants(tx, editionId)
  await freezeArticles(tx, editionId)
  const firstSeq = await readNextSeq(tx, editionId)
  // `left`, so that the planner does not begin at `variant`, of whose new rows it knows nothing yet. Groups are numbered by
  // how many readers stand before them, since numbering readers takes longer than finding them.
  const written = await tx.execute(sql`
    insert into delivery
      (edition_id, seq, variant_id, subscription_id, subscriber_id, start_entry_id, state, attempts, first_tried_at, retry_at)
    select ${editionId}, n.seq, n.variant_id, n.subscription_id, n.subscriber_id, n.since,
      case when o.retry_at is null then 'queued' else 'deferred' end, coalesce(o.attempts, 0), o.first_tried_at, o.retry_at
    from (
      select variant_id, since, ${firstSeq - 1} + coalesce(before, 0) + generate_subscripts(subscription_ids, 1) as seq,
        unnest(subscription_ids) as subscription_id, unnest(subscriber_ids) as subscriber_id
      from (
        select l.*, v.id as variant_id, sum(cardinality(l.subscription_ids))
          over (order by v.id rows between unbounded preceding and 1 preceding) as before
        from planned_selection l left join variant v on v.edition_id = ${editionId} and v.locale = l.locale
          and v.format = l.format and v.entries_hash = l.entries_hash
        where l.enough
      ) c
    ) n
    left join planned_open o on o.subscription_id = n.subscription_id and o.edition_id <> ${editionId}`)
  const count = written.rowCount ?? 0
  if (count === 0) return 0
  await writeBatches(tx, editionId, firstSeq, firstSeq + count - 1, now)
  await supersede(tx, editionId, firstSeq, now)
  return count
}

/** Those that are there already, but for the home's, are left alone: on conflict each would be written once more. */
async function writeVariants(tx: Database, editionId: number): Promise<void> {
  await tx.execute(sql`
    insert into variant (edition_id, public_id, locale, format, entry_ids, entries_hash, home)
    select ${editionId}, replace(gen_random_uuid()::text, '-', ''), locale, format, entry_ids, entries_hash, bool_or(home)
    from planned_selection l
    where enough and (home or not exists (
      select from variant v
      where v.edition_id = ${editionId} and v.locale = l.locale and v.format = l.format
        and v.entries_hash = l.entries_hash
    ))
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
    sql`select coalesce(max(to_seq), 0) + 1 as next from batch where edition_id = ${editionId}`,
  )
  return rows.rows[0]?.next ?? 1
}

/** The edition's own delivery `n` to the reader of `o`; `offset 0`, so that each is looked up and not all are read. */
const takingOver = (editionId: number) => sql`
  cross join lateral (
    select seq, state, retry_at from delivery
    where edition_id = ${editionId} and subscriber_id = o.subscriber_id offset 0
  ) n`

/** A batch is due with the first of its deliveries; only of those that wait for another try has one to know when. */
async function writeBatches(
  tx: Database,
  editionId: number,
  firstSeq: number,
  lastSeq: number,
  now: Temporal.Instant,
): Promise<void> {
  await tx.execute(sql`
    with range as (
      select n as from_seq, least(n + ${DELIVERIES_A_SHARE} - 1, ${lastSeq}) as to_seq
      from generate_series(${firstSeq}::integer, ${lastSeq}::integer, ${DELIVERIES_A_SHARE}::integer) n
    ), deferred as (
      select n.seq, n.retry_at from planned_open o ${takingOver(editionId)}
      where n.seq >= ${firstSeq} and n.state = 'deferred'
    )
    insert into batch (edition_id, from_seq, to_seq, due_at, deferred)
    select ${editionId}, r.from_seq, r.to_seq,
      least(min(d.retry_at), case when count(d.seq) <= r.to_seq - r.from_seq then ${now.toString()}::timestamptz end),
      count(d.seq)
    from range r left join deferred d on d.seq between r.from_seq and r.to_seq
    group by r.from_seq, r.to_seq order by r.from_seq`)
}

/** A reader has at most one open delivery: the older ones end here, in their rows and in their batches' counters. */
async function supersede(tx: Database, editionId: number, firstSeq: number, now: Temporal.Instant): Promise<void> {
  await tx.execute(sql`
    with taken as (
      select o.edition_id, o.seq, o.state
      from planned_open o ${takingOver(editionId)}
      where n.seq >= ${firstSeq} and o.edition_id <> ${editionId}
    ), ended as (
      update delivery d set state = 'superseded', retry_at = null, final_at = ${now.toString()}
      from taken t where d.edition_id = t.edition_id and d.seq = t.seq
    )
    update batch s set
      superseded = s.superseded + c.taken,
      deferred = s.deferred - c.deferred,
      due_at = case when s.sent + s.failed + s.suppressed + s.skipped + s.superseded + s.cancelled + c.taken
        > s.to_seq - s.from_seq then null else s.due_at end
    from (
      select s.id, count(*)::integer as taken, (count(*) filter (where t.state = 'deferred'))::integer as deferred
      from taken t join batch s on s.edition_id = t.edition_id and t.seq between s.from_seq and s.to_seq
      group by s.id
    ) c
    where s.id = c.id`)
}
