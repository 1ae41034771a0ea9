import { type SQL, sql } from 'drizzle-orm'
import type { Database } from '../db/client.ts'

/** Whose selection it is: readers who share topics, locale, format and watermark get the same. */
type SelectionScope = {
  readonly newsletterId: number
  /** Entries above the newest selected edition's bound are not open. */
  readonly boundEntryId: number
  /** Fewer new entries than this wait for the next slot. */
  readonly minArticles: number
}

/**
 * Which of the newsletter's entries `e` (of articles `a`) a reader with `topics` may get: visible ones, and with picks
 * those that have one of them. The one place that says so; planning and preview share it.
 */
const visible = sql`a.state = 'visible'`
const picked = (topics: SQL) => sql`(${topics} = '{}'::integer[] or e.topics && ${topics})`

/** By publication, for a date in the future by arrival; among equals the later arrival first. */
const newestFirst = sql`least(a.published_at, e.created_at) desc, e.id desc`

/**
 * Groups the readers in the temporary table `planned_reader` by what their selection depends on and selects for each
 * group, into `planned_selection` (newest entry first, with the group's readers). A group without anything above its
 * watermark `seen` gets no row; a group that takes over an unsent delivery selects from that delivery's start `since`.
 * With `home`, a group of no readers is added: all topics, the newsletter's locale, the home cohort's watermark.
 *
 * Topics are compared with entries once for each pick and not for each group, and locales and formats share a choice:
 * 0.15 s instead of 0.4 for 7,000 groups and 100 entries. A group holds its readers, who are found by no join on all it
 * depends on: 0.1 s less for 100,000 (`npm run bench -- plan`).
 */
export async function selectForGroups(tx: Database, scope: SelectionScope, home: boolean): Promise<void> {
  await groupReaders(tx, scope.newsletterId, home)
  await matchPicks(tx, scope)
  await tx.execute(sql`
    create temporary table planned_selection on commit drop as
    with selected as (
      select c.choice, array_agg(m.entry_id order by m.place) as entry_ids
      from (select distinct choice, pick, seen, since from planned_group) c
      join planned_match m on m.pick = c.pick and m.entry_id > c.since
      group by c.choice, c.seen
      having max(m.entry_id) > c.seen
    )
    select g.locale, g.format, g.seen, g.since, g.home, g.subscription_ids, g.subscriber_ids, l.entry_ids,
      md5(array_to_string(l.entry_ids, ',')) as entries_hash, cardinality(l.entry_ids) >= ${scope.minArticles} as enough
    from planned_group g join selected l on l.choice = g.choice`)
  await tx.execute(sql`analyze planned_selection (enough)`)
}

/** Groups with the same topics have the same `pick`, and with the same watermarks too the same `choice`. */
async function groupReaders(tx: Database, newsletterId: number, home: boolean): Promise<void> {
  const homeGroup = sql`
    union all
    select '{}'::integer[], n.locale, 'html', c.seen_entry_id, c.seen_entry_id, '{}'::bigint[], '{}'::bigint[], true
    from cohort c join newsletter n on n.id = c.newsletter_id
    where n.id = ${newsletterId} and c.home`
  await tx.execute(sql`
    create temporary table planned_group on commit drop as
    select dense_rank() over (order by topics)::integer as pick,
      dense_rank() over (order by topics, seen, since)::integer as choice, g.*
    from (
      select topics, locale, format, seen, since, array_agg(subscription_id) as subscription_ids,
        array_agg(subscriber_id) as subscriber_ids, false as home
      from planned_reader group by topics, locale, format, seen, since
      ${home ? homeGroup : sql``}
    ) g`)
  await tx.execute(sql`analyze planned_group (pick, choice)`)
}

/** The entries for each pick, with their place among all, into `planned_match`. */
async function matchPicks(tx: Database, scope: SelectionScope): Promise<void> {
  await tx.execute(sql`
    create temporary table planned_match on commit drop as
    with e as materialized (
      select e.id, e.topics, (row_number() over (order by ${newestFirst}))::integer as place
      from entry e join article a on a.id = e.article_id
      where e.newsletter_id = ${scope.newsletterId} and e.id <= ${scope.boundEntryId}
        and e.id > (select min(since) from planned_group) and ${visible}
    )
    select p.pick, e.id as entry_id, e.place
    from (select distinct pick, topics from planned_group) p join e on ${picked(sql`p.topics`)}`)
}

/** What one reader with these topics and this watermark would get now, newest entry first. */
export async function selectForReader(
  db: Database,
  newsletterId: number,
  topics: readonly number[],
  seenEntryId: number,
): Promise<readonly number[]> {
  const chosen = sql`${`{${topics.join(',')}}`}::integer[]`
  const rows = await db.execute<{ id: number }>(sql`
    select e.id from entry e join article a on a.id = e.article_id
    where e.newsletter_id = ${newsletterId} and e.id > ${seenEntryId} and ${visible} and ${picked(chosen)}
    order by ${newestFirst} limit 10000`)
  return rows.rows.map((row) => row.id)
}
