import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'

/** Classes of advisory locks; any numbers, the same in every process. */
const ARTICLES = 7_236_521
const ENTRIES = 7_236_522

/**
 * Lets one transaction at a time decide which articles are new: two sources that bring the same one at once would
 * otherwise both find none. Held to the end of the transaction, never during a fetch; storing a document takes milliseconds.
 */
export async function lockArticles(tx: Database): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${ARTICLES}, 0)`)
}

/**
 * Lets one transaction at a time add entries to a newsletter, to its end: so their ids become visible in order, and
 * no id ever appears below one that was seen. Newsletters are locked in the order of their ids.
 */
export async function lockEntries(tx: Database, newsletterIds: readonly number[]): Promise<void> {
  const ordered = [...newsletterIds].sort((a, b) => a - b)
  await tx.execute(sql`
    select pg_advisory_xact_lock(${ENTRIES}, locked.id)
    from (select id from unnest(${sql.param(ordered)}::integer[]) with ordinality as given (id, place) order by place) as locked`)
}
