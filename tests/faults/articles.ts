import { sql } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'
import { NOON } from '../support/world.ts'

/** Adds articles to the only newsletter, as `makeWorld` does; their numbers go on from those there are. */
export async function addArticles(db: Database, count: number): Promise<void> {
  const noon = NOON.toString()
  await db.execute(sql`
    with made as (
      insert into article
        (source_id, url, url_key, title, title_key, summary, text_hash, published_at, created_at, updated_at)
      select s.id, 'https://example.org/morgen/' || n, 'example.org/morgen/' || n, 'Nachricht Nummer ' || n,
        'nachricht nummer ' || n, 'Was in Nachricht ' || n || ' steht.', n::text, ${noon}, ${noon}, ${noon}
      from source s, (select count(*) as there from article) a, generate_series(there + 1, there + ${count}::integer) n
      returning id
    )
    insert into entry (newsletter_id, article_id, created_at)
    select w.id, m.id, ${noon}::timestamptz from made m, newsletter w order by m.id`)
}
