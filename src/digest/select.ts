import { sql } from 'drizzle-orm'
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
const matches = (topics: ReturnType<typeof sql>) =>
  sql`a.state = 'visible' and (${topics} = '{}'::integer[] or e.topics && ${topics})`

/** By publication, for a date in the future by arrival; among equals the later arrival first. */
const newestFirst = sql`least(a.published_at, e.created_at) desc, e.id desc`

/**
 * Groups the readers in the temporary table `planned_reader` by what their selection depends on and selects once for
 * each group, into `planned_group` and `planned_selection` (newest entry first). A group without anything above its
 * watermark `seen` gets no row; a group that takes over an unsent delivery selects from that delivery's start `since`.
 * With `home`, a group of no readers is added: all topics, the newsletter's locale, the home cohort's watermark.
 */
export async function selectForGroups(tx: Database, scope: SelectionScope, home: boolean): Promise<void> {
  const homeGroup = sql`
    union all
    select 0, '{}'::integer[], n.locale, 'html', c.seen_entry_id, c.seen_entry_id, true
    from cohort c join newsletter n on n.id = c.newsletter_id
    where n.id = ${scope.newsletterId} and c.home`
  await tx.execute(sql`
    create temporary table planned_group on commit drop as
    select row_number() over ()::integer as id, g.*, false as home
    from (select distinct topics, locale, format, seen, since from planned_reader) g
    ${home ? homeGroup : sql``}`)
  await tx.execute(sql`analyze planned_group`)
  await tx.execute(sql`
    create temporary table planned_selection on commit drop as
    select g.id as group_id, g.locale, g.format, g.home, g.seen,
      array_agg(e.id order by ${newestFirst}) as entry_ids,
      md5(string_agg(e.id::text, ',' order by ${newestFirst})) as entries_hash,
      count(*) >= ${scope.minArticles} as enough
    from planned_group g
    join entry e on e.newsletter_id = ${scope.newsletterId} and e.id > g.since and e.id <= ${scope.boundEntryId}
    join article a on a.id = e.article_id
    where ${matches(sql`g.topics`)}
    group by g.id, g.locale, g.format, g.home, g.seen
    having max(e.id) > g.seen`)
  await tx.execute(sql`analyze planned_selection`)
}

/** What one reader with these topics and this watermark would get now, newest entry first. */
export async function selectForReader(
  db: Database,
  newsletterId: number,
  topics: readonly number[],
  seenEntryId: number,
): Promise<readonly number[]> {
  const picked = sql`${`{${topics.join(',')}}`}::integer[]`
  const rows = await db.execute<{ id: number }>(sql`
    select e.id from entry e join article a on a.id = e.article_id
    where e.newsletter_id = ${newsletterId} and e.id > ${seenEntryId} and ${matches(picked)}
    order by ${newestFirst} limit 10000`)
  return rows.rows.map((row) => row.id)
}
