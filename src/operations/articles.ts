import type { Readable } from 'node:stream'
import { z } from 'zod'
import { findNewsletter } from '../newsletters/newsletters.ts'
import { listLimit, onlyOrSlug, rowIdField } from './fields.ts'
import { audited, type OperationContext, unaudited } from './operation.ts'

const MOST_AT_ONCE = 10_000

const several = z.object({
  articles: z
    .array(rowIdField)
    .min(1, 'names none')
    .max(MOST_AT_ONCE, `takes at most ${MOST_AT_ONCE} articles`)
    .transform((ids) => [...new Set(ids)]),
})

/** Operations on articles. */
export const articleOperations = {
  /**
   * Adds articles given as one JSON object a line, all or none: every line is checked before the first is stored. Then each chunk
   * takes a transaction, so the audit line is written first.
   */
  add: audited({
    name: 'article.add',
    right: 'articles.write',
    input: z.object({
      newsletter: onlyOrSlug,
      lines: z.custom<Readable>(
        (value) => value !== null && typeof value === 'object' && Symbol.asyncIterator in value,
      ),
    }),
    run: async (context, { newsletter, lines }) => {
      const { checkInput } = await import('../articles/submitted.ts')
      const { id } = await findNewsletter(context.db, newsletter)
      const input = await checkInput(lines)
      try {
        return { rows: input.rows, ...(await addChunks(context, id, input)) }
      } finally {
        await input.remove()
      }
    },
    audit: { before: async ({ newsletter }, { db }) => ({ subject: (await findNewsletter(db, newsletter)).slug }) },
  }),

  /** Lists the newest articles first. */
  list: unaudited({
    name: 'article.list',
    right: 'articles.read',
    input: z.object({ newsletter: onlyOrSlug, limit: listLimit }),
    run: async ({ db }, { newsletter, limit }) => {
      const { listArticles } = await import('../articles/sources/list-sources.ts')
      return listArticles(db, (await findNewsletter(db, newsletter)).id, limit)
    },
  }),

  /** Hides articles from every newsletter for good. Each newsletter takes a transaction, so the audit line is written first. */
  hide: audited({
    name: 'article.hide',
    right: 'articles.write',
    input: several,
    run: (context, { articles }) => withdraw(context, articles, 'hidden'),
    audit: { before: ({ articles }) => ({ subject: null, details: { articles } }) },
  }),

  /** Hides articles and deletes their text; audited like `hide`. */
  remove: audited({
    name: 'article.remove',
    right: 'articles.write',
    input: several,
    run: (context, { articles }) => withdraw(context, articles, 'removed'),
    audit: { before: ({ articles }) => ({ subject: null, details: { articles } }) },
  }),
}

type CheckedInput = Awaited<ReturnType<typeof import('../articles/submitted.ts')['checkInput']>>

async function addChunks({ db, clock, progress }: OperationContext, newsletterId: number, input: CheckedInput) {
  const { addArticles } = await import('../articles/submit.ts')
  const added = { new: 0, updated: 0 }
  const bar = await progress?.(input.rows)
  try {
    let done = 0
    for await (const articles of input.chunks()) {
      const stored = await addArticles(db, newsletterId, articles, clock.now())
      added.new += stored.new
      added.updated += stored.updated
      done += articles.length
      bar?.update(done)
    }
    return added
  } finally {
    bar?.stop()
  }
}

async function withdraw({ db, clock }: OperationContext, ids: readonly number[], hiding: 'hidden' | 'removed') {
  const { withdrawArticles } = await import('../editions/lifecycle/withdraw-articles.ts')
  return withdrawArticles(db, ids, hiding, clock)
}
