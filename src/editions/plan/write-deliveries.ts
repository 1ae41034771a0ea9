import { type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { finalCount } from '../../db/sql.ts'
import { plannedSelection, plannedUnsent } from '../../digest/planning-tables.ts'

/** How many deliveries a worker leases at once. */
const DELIVERIES_PER_BATCH = 500

const selection = alias(plannedSelection, 'l')
const unsent = alias(plannedUnsent, 'u')

/**
 * Writes what was put into `plannedSelection` for the edition: variants, the frozen fields of their articles, one delivery
 * for each reader ordered by variant, and the batches over them; and marks the unsent deliveries they take over as
 * superseded. Returns how many deliveries it wrote.
 */
export async function writeDeliveries(tx: Database, editionId: number, now: Temporal.Instant): Promise<number> {
  await writeVariants(tx, editionId)
  await freezeArticles(tx, editionId)
  const firstSeq = await readNextSeq(tx, editionId)
  // A left join, so that PostgreSQL does not begin at `variant`, of whose new rows it knows nothing yet. Groups are
  // numbered by how many readers come before them, since numbering readers takes longer than finding them.
  const written = await tx.execute(sql`
    insert into delivery
      (edition_id, seq, variant_id, subscription_id, subscriber_id, start_entry_id, state, attempts, first_tried_at, retry_at)
    select ${editionId}, n.seq, n.variant_id, n.subscription_id, n.subscriber_id, n.since,
      case when ${unsent.retryAt} is null then 'queued' else 'deferred' end, coalesce(${unsent.attempts}, 0),
      ${unsent.firstTriedAt}, ${unsent.retryAt}
    from (
      select variant_id, since, ${firstSeq - 1} + coalesce(before, 0) + generate_subscripts(subscription_ids, 1) as seq,
        unnest(subscription_ids) as subscription_id, unnest(subscriber_ids) as subscriber_id
      from (
        select l.*, v.id as variant_id, sum(cardinality(${selection.subscriptionIds}))
          over (order by v.id rows between unbounded preceding and 1 preceding) as before
        from ${plannedSelection} l left join variant v on v.edition_id = ${editionId} and ${isSelected(sql`v`)}
        where ${selection.enough}
      ) c
    ) n
    left join ${plannedUnsent} u on ${unsent.subscriptionId} = n.subscription_id and ${unsent.editionId} <> ${editionId}`)
  const count = written.rowCount ?? 0
  if (count === 0) return 0
  await writeBatches(tx, editionId, firstSeq, firstSeq + count - 1, now)
  await supersede(tx, editionId, firstSeq, now)
  return count
}

/** Whether a variant is what the selection `l` selected. */
const isSelected = (v: SQL) => sql`${v}.locale = ${selection.locale} and ${v}.format = ${selection.format}
          and ${v}.entries_hash = ${selection.entriesHash}`

/** Existing variants, except the home's, are left alone: on conflict each would be written once more. */
async function writeVariants(tx: Database, editionId: number): Promise<void> {
  await tx.execute(sql`
    insert into variant (edition_id, public_id, locale, format, entry_ids, entries_hash, home)
    select ${editionId}, replace(gen_random_uuid()::text, '-', ''), locale, format, entry_ids, entries_hash, bool_or(home)
    from ${plannedSelection} l
    where ${selection.enough} and (${selection.home} or not exists (
      select from variant v where v.edition_id = ${editionId} and ${isSelected(sql`v`)}
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
    from (select distinct unnest(${selection.entryIds}) as id from ${plannedSelection} l where ${selection.enough}) chosen
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

/** The edition's own delivery `n` to the reader of the unsent one; `offset 0`, so that each is looked up and not all are read. */
const newDelivery = (editionId: number) => sql`
  cross join lateral (
    select seq, state, retry_at from delivery
    where edition_id = ${editionId} and subscriber_id = ${unsent.subscriberId} offset 0
  ) n`

/** A batch is due with the first of its deliveries; only deliveries that wait for another attempt have a time of their own. */
async function writeBatches(
  tx: Database,
  editionId: number,
  firstSeq: number,
  lastSeq: number,
  now: Temporal.Instant,
): Promise<void> {
  await tx.execute(sql`
    with range as (
      select n as from_seq, least(n + ${DELIVERIES_PER_BATCH} - 1, ${lastSeq}) as to_seq
      from generate_series(${firstSeq}::integer, ${lastSeq}::integer, ${DELIVERIES_PER_BATCH}::integer) n
    ), deferred as (
      select n.seq, n.retry_at from ${plannedUnsent} u ${newDelivery(editionId)}
      where n.seq >= ${firstSeq} and n.state = 'deferred'
    )
    insert into batch (edition_id, from_seq, to_seq, due_at, deferred)
    select ${editionId}, r.from_seq, r.to_seq,
      least(min(d.retry_at), case when count(d.seq) <= r.to_seq - r.from_seq then ${now.toString()}::timestamptz end),
      count(d.seq)
    from range r left join deferred d on d.seq between r.from_seq and r.to_seq
    group by r.from_seq, r.to_seq order by r.from_seq`)
}

/** A reader has at most one unsent delivery: the older ones end here, in their rows and in their batches' counters. */
async function supersede(tx: Database, editionId: number, firstSeq: number, now: Temporal.Instant): Promise<void> {
  await tx.execute(sql`
    with superseded as (
      select ${unsent.editionId}, ${unsent.seq}, ${unsent.state}
      from ${plannedUnsent} u ${newDelivery(editionId)}
      where n.seq >= ${firstSeq} and ${unsent.editionId} <> ${editionId}
    ), ended as (
      update delivery d set state = 'superseded', retry_at = null, final_at = ${now.toString()}
      from superseded o where d.edition_id = o.edition_id and d.seq = o.seq
    )
    update batch b set
      superseded = b.superseded + c.ended,
      deferred = b.deferred - c.deferred,
      due_at = case when ${finalCount} + c.ended > b.to_seq - b.from_seq then null else b.due_at end
    from (
      select b.id, count(*)::integer as ended, (count(*) filter (where o.state = 'deferred'))::integer as deferred
      from superseded o join batch b on b.edition_id = o.edition_id and o.seq between b.from_seq and b.to_seq
      group by b.id
    ) c
    where b.id = c.id`)
}
