import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Feed, FeedItem } from '../articles/feeds/parse-feed.ts'
import type { ParserTasks } from '../articles/parsing/parser-tasks.ts'
import { CourantError, reasonOf } from '../errors.ts'
import type { CommandContext } from './shared/command-context.ts'
import { file, many } from './shared/values.ts'

/** `courant feed parse`: what Courant reads in feeds, without a database. */
export function registerFeed(program: Command, context: CommandContext): void {
  const group = program.command('feed').description('look into feeds')
  group
    .command('parse')
    .argument('<file|url...>', 'files or addresses of feeds', many(file('<file|url>')))
    .description('show what is read in them: one line each, in order')
    .action((names: readonly string[]) => parse(context, names))
}

/** A feed that cannot be read is a line too; the command fails only when none can. */
async function parse(context: CommandContext, names: readonly string[]): Promise<void> {
  let parsed = 0
  for (const name of names) {
    try {
      const feed = await read(context, name)
      context.printLine(toRow(feed), describe(feed))
      parsed += 1
    } catch (error) {
      if (!(error instanceof CourantError)) throw error
      context.printLine({ error: { code: error.code, message: error.message, hint: error.todo } }, error.message)
    }
  }
  if (parsed === 0) process.exitCode = 1
}

async function read(context: CommandContext, name: string): Promise<Feed> {
  const [{ parserPool: processReader }, { unpackDates: unpackDated }] = await Promise.all([
    import('../articles/parsing/parser-pool.ts'),
    import('../articles/parsing/transfer.ts'),
  ])
  const parseFeed = async (document: Parameters<ParserTasks['readFeed']>[0]): Promise<Feed> => {
    const { items, ...feed } = await processReader.ask('readFeed', document)
    return { ...feed, items: items.map((item) => unpackDated<FeedItem>(item)) }
  }
  if (!/^https?:\/\//i.test(name)) return parseFeed({ body: await readLocal(name), contentType: null, url: null })
  const [{ fetchFeed }, { makeUserAgent }] = await Promise.all([
    import('../articles/sources/sitemap-index.ts'),
    import('../articles/fetch/user-agent.ts'),
  ])
  const { baseUrl, collectAllowPrivate } = context.config()
  const fetched = await fetchFeed(name, {
    userAgent: makeUserAgent(baseUrl),
    guard: { allowPrivate: collectAllowPrivate },
  })
  if (fetched.kind === 'document')
    return parseFeed({ body: fetched.body, contentType: fetched.contentType, url: fetched.finalUrl })
  const why = fetched.kind === 'failed' ? fetched.reason : 'The server says it is unchanged.'
  throw new CourantError('feed.unreachable', { what: 'The feed could not be fetched.', why })
}

async function readLocal(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new CourantError('feed.unreadable', { what: 'The file cannot be read.', why: reasonOf(cause), cause })
  }
}

function toRow(feed: Feed): unknown {
  const items = feed.items.map(({ contentHtml: _, publishedAt, ...item }) => ({
    ...item,
    publishedAt: publishedAt?.toString() ?? null,
  }))
  const { ttlMinutes: _, ...shown } = feed
  return { ...shown, items }
}

function describe(feed: Feed): string {
  const items = feed.items.map((item) => `  ${item.publishedAt?.toString() ?? 'undated'}  ${item.title}`)
  return [`${feed.title || 'untitled'} (${feed.items.length} items)`, ...items].join('\n')
}
