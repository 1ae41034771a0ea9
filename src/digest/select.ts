import { type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Database } from '../db/client.ts'
import {
  analyzePlanningTable,
  createPlanningTable,
  plannedGroup,
  plannedMatch,
  plannedReader,
  plannedSelection,
} from './planning-tables.ts'

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
 * Groups the readers in `plannedReader` by what their selection depends on and selects for each group, into
 * `plannedSelection` (newest entry first, with the group's readers). A group without anything above its watermark `seen`
 * gets no row; a group that takes over an unsent delivery selects from that delivery's start `since`. With `home`, a group
 * without readers is added: all topics, the newsletter's locale, the home cohort's watermark.
 *
 * Topics are compared with entries once for each set of topics and not for each group, and locales and formats share a
 * choice: 0.15 s instead of 0.4 for 7,000 groups and 100 entries. A group holds its readers, so that no join on all it
 * depends on has to find them: 0.1 s less for 100,000 (`npm run bench -- plan`).
 */
export async function selectForGroups(tx: Database, scope: SelectionScope, home: boolean): Promise<void> {
  await groupReaders(tx, scope.newsletterId, home)
  await matchTopics(tx, scope)
  const { minArticles } = scope
  await createPlanningTable(
    tx,
    plannedSelection,
    sql`
    with selected as (
      select c.choice_id, array_agg(${match.entryId} order by ${match.place}) as entry_ids
      from (
        select distinct ${group.choiceId}, ${group.topicsId}, ${group.seen}, ${group.since} from ${plannedGroup} g
      ) c
      join ${plannedMatch} m on ${match.topicsId} = c.topics_id and ${match.entryId} > c.since
      group by c.choice_id, c.seen
      having max(${match.entryId}) > c.seen
    )
    select ${group.locale}, ${group.format}, ${group.seen}, ${group.since}, ${group.home}, ${group.subscriptionIds},
      ${group.subscriberIds}, l.entry_ids, md5(array_to_string(l.entry_ids, ',')), cardinality(l.entry_ids) >= ${minArticles}
    from ${plannedGroup} g join selected l on l.choice_id = ${group.choiceId}`,
  )
  await analyzePlanningTable(tx, plannedSelection, [plannedSelection.enough])
}

/** Groups with the same topics have the same `topicsId`, and with the same watermarks too the same `choiceId`. */
async function groupReaders(tx: Database, newsletterId: number, home: boolean): Promise<void> {
  const homeGroup = sql`
    union all
    select '{}'::integer[], n.locale, 'html', c.seen_entry_id, c.seen_entry_id, '{}'::bigint[], '{}'::bigint[], true
    from cohort c join newsletter n on n.id = c.newsletter_id
    where n.id = ${newsletterId} and c.home`
  const key = sql`${reader.topics}, ${reader.locale}, ${reader.format}, ${reader.seen}, ${reader.since}`
  await createPlanningTable(
    tx,
    plannedGroup,
    sql`
    select dense_rank() over (order by topics)::integer, dense_rank() over (order by topics, seen, since)::integer, grouped.*
    from (
      select ${key}, array_agg(${reader.subscriptionId}), array_agg(${reader.subscriberId}), false
      from ${plannedReader} r group by ${key}
      ${home ? homeGroup : sql``}
    ) grouped`,
  )
  await analyzePlanningTable(tx, plannedGroup, [plannedGroup.topicsId, plannedGroup.choiceId])
}

/** The entries for each set of topics, with their place among all, into `plannedMatch`. */
async function matchTopics(tx: Database, scope: SelectionScope): Promise<void> {
  await createPlanningTable(
    tx,
    plannedMatch,
    sql`
    with e as materialized (
      select e.id, e.topics, (row_number() over (order by ${newestFirst}))::integer as place
      from entry e join article a on a.id = e.article_id
      where e.newsletter_id = ${scope.newsletterId} and e.id <= ${scope.boundEntryId}
        and e.id > (select min(${group.since}) from ${plannedGroup} g) and ${visible}
    )
    select t.topics_id, e.id, e.place
    from (select distinct ${group.topicsId}, ${group.topics} from ${plannedGroup} g) t join e on ${picked(sql`t.topics`)}`,
  )
}

const reader = alias(plannedReader, 'r')
const group = alias(plannedGroup, 'g')
const match = alias(plannedMatch, 'm')

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
