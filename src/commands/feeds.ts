import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { CourantError, reasonOf } from '../errors.ts'
import { type FeedView, feedOperations } from '../operations/feeds.ts'
import type { CommandContext } from './shared/command-context.ts'
import { performBare } from './shared/run.ts'
import { file, many } from './shared/values.ts'

/** `courant feed parse`: what Courant reads in feeds, without a database. */
export function registerFeed(program: Command, context: CommandContext): void {
  const group = program.command('feed').description('inspect feeds')
  group
    .command('parse')
    .argument('<file|url...>', 'files or URLs of feeds', many(file('<file|url>')))
    .description('parse feeds and print a line for each, in order')
    .action((names: readonly string[]) => parse(context, names))
}

/** A feed that cannot be read is a line too; the command fails only when none can. */
async function parse(context: CommandContext, names: readonly string[]): Promise<void> {
  let parsed = 0
  for (const name of names) {
    try {
      const feed = await read(context, name)
      context.printLine(feed, describe(feed))
      parsed += 1
    } catch (error) {
      if (!(error instanceof CourantError)) throw error
      context.printLine({ error: { code: error.code, message: error.message, hint: error.todo } }, error.message)
    }
  }
  if (parsed === 0) process.exitCode = 1
}

async function read(context: CommandContext, name: string): Promise<FeedView> {
  const input = /^https?:\/\//i.test(name) ? { url: name } : { document: await readLocal(name) }
  return performBare(context, feedOperations.parse, input)
}

async function readLocal(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new CourantError('feed.unreadable', { what: 'The file cannot be read.', why: reasonOf(cause), cause })
  }
}

function describe(feed: FeedView): string {
  const items = feed.items.map((item) => `  ${item.publishedAt ?? 'undated'}  ${item.title}`)
  return [`${feed.title || 'untitled'} (${feed.items.length} items)`, ...items].join('\n')
}
