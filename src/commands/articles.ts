import type { Command } from 'commander'
import type { ListedArticle } from '../articles/sources/list-sources.ts'
import { CourantError } from '../errors.ts'
import { articleOperations } from '../operations/articles.ts'
import { LISTED } from '../operations/fields.ts'
import type { CommandContext } from './shared/command-context.ts'
import { type NewsletterOption, namedNewsletter, namesNewsletter } from './shared/newsletter-name.ts'
import { confirmOrAbort } from './shared/prompt.ts'
import { performOne, withOperations } from './shared/run.ts'
import { many, rowId, wholeNumber } from './shared/values.ts'

/** `courant article add|list|hide|remove`: articles that come without a feed, all there are, and taking them back. */
export function registerArticle(program: Command, context: CommandContext): void {
  const group = program.command('article').description('manage articles')
  namesNewsletter(group.command('add'))
    .description('add articles from standard input, one JSON object a line; all or none')
    .action((slug: string | undefined, options: NewsletterOption) => add(context, namedNewsletter(slug, options)))
  namesNewsletter(group.command('list'))
    .description('list the latest articles')
    .option('--limit <n>', 'maximum number of rows', wholeNumber('--limit', 1, LISTED.most), LISTED.usual)
    .action((slug: string | undefined, options: NewsletterOption & { limit: number }) =>
      list(context, namedNewsletter(slug, options), options.limit),
    )
  withdrawing(group.command('hide'), context, 'hide').description(
    'hide articles for good from every newsletter, running send and archive',
  )
  withdrawing(group.command('remove'), context, 'remove').description(
    'hide articles and delete their text; their source does not bring them back',
  )
}

function withdrawing(command: Command, context: CommandContext, verb: keyof typeof PAST): Command {
  return command
    .argument('<id...>', 'ids as listed by `article list`', many(rowId('<id>', '"courant article list" shows them.')))
    .option('--yes', 'skip the confirmation prompt (shown only on a terminal)')
    .action((ids: readonly number[], options: { yes?: boolean }) => withdraw(context, ids, verb, options.yes ?? false))
}

async function add(context: CommandContext, slug: string | undefined): Promise<void> {
  if (process.stdin.isTTY) throw noInput()
  const progress = (total: number | null) => context.progress(total, 'Adding')
  const input = { newsletter: slug, lines: process.stdin }
  const added = await performOne(context, articleOperations.add, input, { progress })
  context.print(added, `${added.rows} rows: ${added.new} new articles, ${added.updated} updated.`)
}

function noInput(): CourantError {
  return new CourantError('usage', {
    what: 'There are no articles on standard input.',
    why: 'The command reads one JSON object a line, like {"url": "https://…", "title": "…"}.',
    todo: 'Run: courant article add < articles.ndjson',
  })
}

async function list(context: CommandContext, slug: string | undefined, most: number): Promise<void> {
  const articles = await performOne(context, articleOperations.list, { newsletter: slug, limit: most })
  for (const article of articles) context.printLine(article, describe(article))
}

function describe(article: ListedArticle): string {
  const title = article.state === 'visible' ? article.title : `(${article.state}) ${article.title}`.trim()
  return [article.id, article.publishedAt ?? 'undated', title, article.source, article.url].join('\t')
}

const PAST = { hide: 'hidden', remove: 'removed' } as const

async function withdraw(
  context: CommandContext,
  articles: readonly number[],
  verb: keyof typeof PAST,
  yes: boolean,
): Promise<void> {
  const count = new Set(articles).size
  await withOperations(context, async (perform) => {
    const question = `${verb === 'hide' ? 'Hide' : 'Remove'} ${sayArticles(count)} in every newsletter?`
    if (!yes) await confirmOrAbort(`${question} This cannot be undone.`)
    const withdrawn = await perform(articleOperations[verb], { articles: [...articles] })
    context.print(withdrawn, sayWithdrawn(withdrawn, PAST[verb]))
  })
}

type Withdrawn = Awaited<ReturnType<typeof articleOperations.hide.run>>

const sayArticles = (count: number) => `${count} ${count === 1 ? 'article' : 'articles'}`

function sayWithdrawn({ articles, editions, moved, skipped }: Withdrawn, past: string): string {
  const done = `${sayArticles(articles.length)} ${past}.`
  if (editions.length === 0) return done
  return `${done} Edition ${editions.join(', ')}: ${moved} readers get the rest, ${skipped} had nothing else in it.`
}
