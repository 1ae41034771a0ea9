import { sql } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'
import { makeWorld } from '../support/world.ts'

/** So that each cohort is a slice of its own: planning cuts at 100,000 readers. */
const PRETENDED_MEMBERS = 60_000

/** Three cohorts, each a slice of its own, whose readers get four variants between them. */
export async function populate(db: Database, readers: number): Promise<void> {
  const world = await makeWorld(db)
  const later = await world.addCohort('Europe/Berlin', 8)
  const plain = await world.addCohort('Europe/Berlin', 9)
  const third = Math.floor(readers / 3)
  await world.addReaders(third)
  await world.addReaders(Math.floor(third / 2), { cohortId: later })
  await world.addReaders(third - Math.floor(third / 2), { cohortId: later, locale: 'en' })
  await world.addReaders(readers - 2 * third, { cohortId: plain, format: 'plain' })
  // The hours by the clock are half a day away, so that none comes up in a round. Each cohort is a part of its own meanwhile,
  // since one may get the hour that another still has.
  await db.execute(sql`update cohort set part = id`)
  await db.execute(sql`
    update cohort set members = ${PRETENDED_MEMBERS}, part = 0,
      hour = (extract(hour from now() at time zone 'Europe/Berlin')::integer + 12 + id::integer) % 24`)
}

async function addArticles(db: Database, count: number): Promise<void> {
  await db.execute(sql`
    with last as (select count(*) as number from article), made as (
      insert into article
        (source_id, url, url_key, title, title_key, summary, text_hash, published_at, created_at, updated_at)
      select s.id, 'https://example.org/crash/' || n, 'example.org/crash/' || n, 'Nachricht Nummer ' || n,
        'nachricht nummer ' || n, 'Was in Nachricht ' || n || ' steht, in einem ganzen Satz.', n::text, now(), now(), now()
      from last, source s, generate_series(last.number + 1, last.number + ${count}::integer) n
      returning id
    )
    insert into entry (newsletter_id, article_id, created_at)
    select n.id, m.id, now() from made m, newsletter n order by m.id`)
}

/** Makes so many new articles, and has every cohort be due at `dueMs` (of the moved clock), or not for years. */
export async function publish(db: Database, articles: number, dueMs: number | null): Promise<void> {
  await addArticles(db, articles)
  const dueAt = dueMs === null ? sql`now() + interval '9 years'` : sql`${new Date(dueMs).toISOString()}::timestamptz`
  await db.execute(sql`update cohort set next_due_at = ${dueAt}`)
}
