import { type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'
import { makeWorld, NOON, type World } from '../../tests/support/world.ts'

/** A newsletter whose readers are due at noon; `bench_reader` keeps what each of them picked and has seen. */
export type PlanWorld = { readonly newsletterId: number; readonly cohortIds: readonly number[] }

const TOPICS = 20
const OLD_ARTICLES = 100
const NEW_ARTICLES = 100
/** As many as a cohort may have. */
const READERS_A_COHORT = 100_000
/** Shares of all readers. */
const PLAIN = 0.03
const BEHIND = 0.005
const AHEAD = 0.005
const SUPPRESSED = 0.002
/** Readers with a watermark of their own stand at every tenth entry. */
const STEP = 10

/**
 * Makes `readers` readers in sets, the same at every run: each picks 3 of 20 topics; half read German; 3 % read plain text;
 * 1 % have a watermark of their own, half of these behind their cohort's and half ahead of it; 0.2 % are suppressed. Of
 * 200 articles 100 are new to the cohorts.
 */
export async function makePlanWorld(db: Database, readers: number): Promise<PlanWorld> {
  const world = await makeWorld(db, `plan-${readers}`)
  await addTopics(db, world)
  const entryIds = await world.addArticles(OLD_ARTICLES + NEW_ARTICLES)
  await variegate(db, world)
  const cohortIds = await addCohorts(db, world, readers, entryIds[OLD_ARTICLES - 1] ?? 0)
  await pickForReaders(db, world, readers, entryIds[0] ?? 0)
  await addReaders(db, world)
  await db.execute(sql`vacuum analyze`)
  await db.execute(sql`checkpoint`)
  return { newsletterId: world.newsletterId, cohortIds }
}

async function addTopics(db: Database, { newsletterId }: World): Promise<void> {
  await db.execute(sql`
    insert into topic (newsletter_id, key, name, created_at)
    select ${newsletterId}::bigint, 'topic ' || n, 'Topic ' || n, ${NOON.toString()}::timestamptz
    from generate_series(1, ${TOPICS}::integer) n`)
}

/** One topic or two for each entry; every order of publication and arrival; a few articles are hidden or undated. */
async function variegate(db: Database, { newsletterId, sourceId }: World): Promise<void> {
  await seeded(
    db,
    sql`
    update entry e set
      created_at = e.created_at - random() * interval '1 day',
      topics = (
        select array_agg(id order by id) from (
          select id from topic where newsletter_id = ${newsletterId} order by hashint8(id * 1000 + e.id) limit 1 + e.id % 2
        ) picked
      )
    where e.newsletter_id = ${newsletterId}`,
  )
  await db.execute(sql`
    update article set
      published_at = case when id % 13 = 0 then null else ${NOON.toString()}::timestamptz + (id * 7919 % 96 - 72) * interval '1 hour' end,
      state = case when id % 41 = 0 then 'hidden' else 'visible' end
    where source_id = ${sourceId}`)
}

/** As many parts of one choice as the readers need, the home cohort the first; all are due. */
async function addCohorts(
  db: Database,
  world: World,
  readers: number,
  seenEntryId: number,
): Promise<readonly number[]> {
  await db.execute(sql`
    insert into cohort (newsletter_id, frequency, hour, zone, part)
    select newsletter_id, frequency, hour, zone, n
    from cohort, generate_series(1, ${Math.ceil(readers / READERS_A_COHORT) - 1}::integer) n
    where id = ${world.cohortId} order by n`)
  const rows = await db.execute<{ id: number }>(sql`
    update cohort set seen_entry_id = ${seenEntryId}, next_due_at = ${NOON.toString()},
      members = least(${READERS_A_COHORT}, ${readers} - part * ${READERS_A_COHORT})
    where newsletter_id = ${world.newsletterId} returning id`)
  return rows.rows.map(({ id }) => id)
}

async function pickForReaders(db: Database, world: World, readers: number, firstEntryId: number): Promise<void> {
  const pointsBehind = OLD_ARTICLES / STEP
  const pointsAhead = NEW_ARTICLES / STEP
  await db.execute(sql`drop table if exists bench_reader`)
  await seeded(
    db,
    sql`
    create unlogged table bench_reader as
    with picks as (
      select array[a.id, b.id, c.id] as topics, row_number() over () as number
      from topic a join topic b on b.newsletter_id = a.newsletter_id and b.id > a.id
      join topic c on c.newsletter_id = b.newsletter_id and c.id > b.id
      where a.newsletter_id = ${world.newsletterId}
    ), thrown as materialized (
      select n, 1 + floor(random() * (select count(*) from picks))::integer as pick, random() as locale, random() as format,
        random() as standing, random() as point, random() as suppressed
      from generate_series(1, ${readers}::integer) n
    )
    select n, c.id as cohort_id, topics, case when locale < 0.5 then 'de' else 'en' end as locale,
      case when format < ${PLAIN} then 'plain' else 'html' end as format,
      case when standing < ${BEHIND} then ${firstEntryId} - 1 + floor(point * ${pointsBehind})::bigint * ${STEP}
        when standing < ${BEHIND + AHEAD} then c.seen_entry_id + (1 + floor(point * ${pointsAhead}))::bigint * ${STEP}
      end as own_seen, c.seen_entry_id as cohort_seen, suppressed < ${SUPPRESSED} as suppressed
    from thrown join picks on number = pick
    join cohort c on c.newsletter_id = ${world.newsletterId} and c.part = (n - 1) / ${READERS_A_COHORT}
    order by n`,
  )
}

async function addReaders(db: Database, { newsletterId }: World): Promise<void> {
  const email = sql`'reader' || n || '@' || ${newsletterId}::integer || '.example.org'`
  const hash = sql`sha256((${email})::bytea)`
  const now = sql`${NOON.toString()}::timestamptz`
  await db.execute(sql`
    insert into subscriber (email, email_key, email_hash, locale, format, created_at)
    select ${email}, ${email}, ${hash}, locale, format, ${now} from bench_reader order by n`)
  await db.execute(sql`
    insert into subscription
      (newsletter_id, subscriber_id, state, cohort_id, topics, seen_entry_id, confirmed_at, created_at)
    select ${newsletterId}::bigint, p.id, 'active', r.cohort_id, r.topics, r.own_seen, ${now}, ${now}
    from bench_reader r join subscriber p on p.email_key = ${email} order by r.n`)
  await db.execute(sql`
    insert into suppression (email_hash, reason, created_at)
    select ${hash}, 'manual', ${now} from bench_reader where suppressed order by n`)
}

/** Runs a statement in which `random()` gives the same numbers at every run. */
async function seeded(db: Database, statement: SQL): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.execute(sql`select setseed(0.42)`)
    await tx.execute(statement)
  })
}
