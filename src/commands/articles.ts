import type { Command } from 'commander'
import type { HideKind } from '../articles/hide.ts'
import type { ListedArticle } from '../articles/sources/list-sources.ts'
import type { WithdrawalResult } from '../editions/lifecycle/withdraw-articles.ts'
import { CourantError } from '../errors.ts'
import { findNewsletter } from '../newsletters/newsletters.ts'
import type { CommandContext } from './shared/command-context.ts'
import { askFirst } from './shared/prompt.ts'
import { many, rowId, slug as shortName, wholeNumber } from './shared/values.ts'

const LISTED = 100
const MOST_LISTED = 10_000

/** `courant article add|list|hide|remove`: articles that come without a feed, all there are, and taking them back. */
export function registerArticle(program: Command, context: CommandContext): void {
  const group = program.command('article').description('articles of a newsletter')
  group
    .command('add')
    .description('add articles from standard input: one JSON object a line, all or none')
    .option('--newsletter <slug>', 'may be left out where there is only one', shortName('--newsletter'))
    .action((options: { newsletter?: string }) => add(context, options.newsletter))
  group
    .command('list')
    .description('the newest articles')
    .option('--newsletter <slug>', 'may be left out where there is only one', shortName('--newsletter'))
    .option('--limit <n>', 'at most this many', wholeNumber('--limit', 1, MOST_LISTED), LISTED)
    .action((options: { newsletter?: string; limit: number }) => list(context, options.newsletter, options.limit))
  withdrawing(group.command('hide'), context, 'hidden').description(
    'keep articles out of every newsletter, also out of what is being sent and of the archive; for good',
  )
  withdrawing(group.command('remove'), context, 'removed').description(
    'the same, and delete their text; their source does not bring them back',
  )
}

function withdrawing(command: Command, context: CommandContext, hiding: HideKind): Command {
  return command
    .argument(
      '<id...>',
      'as `article list --json` gives them',
      many(rowId('<id>', '"courant article list" shows them.')),
    )
    .option('--yes', 'do not ask; in a pipe nothing is asked anyway')
    .action((ids: readonly number[], options: { yes?: boolean }) =>
      withdraw(context, ids, hiding, options.yes ?? false),
    )
}

async function add(context: CommandContext, slug: string | undefined): Promise<void> {
  if (process.stdin.isTTY) throw noInput()
  const [{ checkInput }, { addArticles }] = await Promise.all([
    import('../articles/submitted.ts'),
    import('../articles/submit.ts'),
  ])
  await context.withDatabase(async (db) => {
    const newsletter = await findNewsletter(db, slug)
    const input = await checkInput(process.stdin)
    const total = { rows: input.rows, new: 0, updated: 0 }
    const progress = await context.progress(input.rows, 'Adding')
    try {
      let done = 0
      for await (const articles of input.chunks()) {
        const stored = await addArticles(db, newsletter.id, articles, context.clock.now())
        total.new += stored.new
        total.updated += stored.updated
        done += articles.length
        progress.update(done)
      }
    } finally {
      progress.stop()
      await input.remove()
    }
    context.print(total, `${total.rows} rows: ${total.new} new articles, ${total.updated} updated.`)
  })
}

function noInput(): CourantError {
  return new CourantError('usage', {
    what: 'There are no articles on standard input.',
    why: 'The command reads one JSON object a line, like {"url": "https://…", "title": "…"}.',
    todo: 'Send them in: courant article add < articles.ndjson',
  })
}

async function list(context: CommandContext, slug: string | undefined, most: number): Promise<void> {
  const { listArticles } = await import('../articles/sources/list-sources.ts')
  await context.withDatabase(async (db) => {
    const newsletter = await findNewsletter(db, slug)
    for (const article of await listArticles(db, newsletter.id, most)) context.printLine(article, describe(article))
  })
}

function describe(article: ListedArticle): string {
  const title = article.state === 'visible' ? article.title : `(${article.state}) ${article.title}`.trim()
  return [article.id, article.publishedAt ?? 'undated', title, article.source, article.url].join('\t')
}

async function withdraw(
  context: CommandContext,
  names: readonly number[],
  hiding: HideKind,
  yes: boolean,
): Promise<void> {
  const ids = [...new Set(names)]
  const { withdrawArticles } = await import('../editions/lifecycle/withdraw-articles.ts')
  await context.withDatabase(async (db) => {
    const verb = hiding === 'hidden' ? 'Hide' : 'Remove'
    if (!yes) await askFirst(`${verb} ${sayArticles(ids.length)} in every newsletter? This cannot be undone.`)
    const withdrawn = await withdrawArticles(db, ids, hiding, context.clock)
    context.print(withdrawn, sayWithdrawn(withdrawn, hiding))
  })
}

const sayArticles = (count: number) => `${count} ${count === 1 ? 'article' : 'articles'}`

function sayWithdrawn({ articles, editions, moved, skipped }: WithdrawalResult, hiding: HideKind): string {
  const done = `${sayArticles(articles.length)} ${hiding}.`
  if (editions.length === 0) return done
  return `${done} Edition ${editions.join(', ')}: ${moved} readers get the rest, ${skipped} had nothing else in it.`
}
