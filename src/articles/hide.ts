import { sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { anyOf } from '../db/sql.ts'
import { CourantError } from '../errors.ts'
import { withStoreLock } from './store/store-lock.ts'

/** What is done to an article: `hidden` keeps it out of every newsletter, `removed` deletes its text as well. */
export type HideKind = 'hidden' | 'removed'

/** Articles that were hidden, and the entries they had: whoever plans from now on finds them no more. */
type Hidden = {
  readonly articles: readonly HiddenArticle[]
  readonly entries: readonly { readonly id: number; readonly newsletterId: number }[]
}

/** An article by the title it had. */
export type HiddenArticle = {
  readonly id: number
  readonly url: string
  readonly title: string
  readonly state: HideKind
}

/**
 * Hides articles and deletes their entries: all of them or, when one is not there, none. Of a removed article stays what
 * it is known by, so that its source does not bring it back. Repeating it changes nothing, and hiding what was removed
 * leaves it removed.
 *
 * @throws CourantError `article.unknown`.
 */
export async function hideArticles(
  db: Database,
  articleIds: readonly number[],
  hiding: HideKind,
  now: Temporal.Instant,
): Promise<Hidden> {
  const ids = anyOf(articleIds)
  return withStoreLock(db, async (tx) => {
    const known = await tx.execute<HiddenArticle>(
      sql`select id, url, title, state from article where id = ${ids} order by id`,
    )
    const missing = articleIds.filter((id) => !known.rows.some((row) => row.id === id))
    if (missing.length > 0) throw unknown(missing)
    const states = await setHidden(tx, ids, hiding, now)
    const entries = await tx.execute<{ id: number; newsletter_id: number }>(sql`
      delete from entry where article_id = ${ids} returning id, newsletter_id`)
    return {
      articles: known.rows.map((row) => ({ ...row, state: states.get(row.id) ?? hiding })),
      entries: entries.rows.map((row) => ({ id: row.id, newsletterId: row.newsletter_id })),
    }
  })
}

async function setHidden(
  tx: Database,
  ids: ReturnType<typeof sql>,
  hiding: HideKind,
  now: Temporal.Instant,
): Promise<ReadonlyMap<number, HideKind>> {
  if (hiding === 'removed')
    await tx.execute(sql`
      update article set title = '', summary = null, content_html = null, author = null, image_url = null,
        image_alt = null, image_width = null, image_height = null,
        language = null, topics = '{}', word_count = null
      where id = ${ids}`)
  const hidden = await tx.execute<{ id: number; state: HideKind }>(sql`
    update article set state = case when state = 'removed' then state else ${hiding} end, updated_at = ${now.toString()}
    where id = ${ids} returning id, state`)
  return new Map(hidden.rows.map(({ id, state }) => [id, state]))
}

function unknown(ids: readonly number[]): CourantError {
  return new CourantError('article.unknown', {
    what: ids.length === 1 ? `There is no article ${ids[0]}.` : `There are no articles ${ids.join(', ')}.`,
    why: 'So none was changed.',
    todo: '"courant article list" shows the articles with their ids.',
  })
}
