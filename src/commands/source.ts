import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import type { SourceChange } from '../collect/change.ts'
import type { ListedSource } from '../collect/listing.ts'
import { CourantError } from '../errors.ts'
import { findNewsletter } from '../subscribe/newsletters.ts'
import type { CommandContext } from './context.ts'

type AddOptions = { newsletter?: string; backfill: string }

type SetOptions = Omit<SourceChange, 'headers' | 'password'> & { header: string[]; passwordStdin?: boolean }

/** `courant source add|list|set|remove`: where a newsletter's articles come from. */
export function registerSource(program: Command, context: CommandContext): void {
  const group = program.command('source').description('where articles come from')
  group
    .command('add')
    .argument('<url>', 'of an RSS, Atom, RDF or JSON feed')
    .description('give a newsletter a feed')
    .option('--newsletter <slug>', 'may be left out where there is only one')
    .option('--backfill <days>', 'how far back what the feed holds now is new: none, all, or days', '7')
    .action((url: string, options: AddOptions) => add(context, url, options))
  group
    .command('list')
    .description('all sources and how their last fetch went')
    .option('--newsletter <slug>', 'only those of this newsletter')
    .action((options: { newsletter?: string }) => list(context, options.newsletter))
  group
    .command('set')
    .argument('<source>', 'its id or URL')
    .description('change a source and fetch it again, also one that had ended; what is left out stays')
    .option('--url <url>', 'where it has moved to; to another host no password or header goes along')
    .option('--user-agent <text>', "in the place of Courant's own; an empty text goes back to that")
    .option('--username <name>', 'for sources behind a password; an empty text takes name and password away')
    .option('--password-stdin', 'read the password from standard input')
    .option('--header <line>', "'Name: value', may be repeated; without a value it is taken away", gather, [])
    .action((name: string, options: SetOptions) => set(context, name, options))
  group
    .command('remove')
    .argument('<source>', 'its id or URL')
    .description('take a source away; its articles stay')
    .option('--newsletter <slug>', 'from this newsletter only')
    .action((name: string, options: { newsletter?: string }) => remove(context, name, options.newsletter))
}

async function add(context: CommandContext, url: string, options: AddOptions): Promise<void> {
  const backfillDays = readBackfill(options.backfill)
  const allowPrivate = context.config().collectAllowPrivate
  const { attachSource } = await import('../collect/attach.ts')
  await context.withDatabase(async (db) => {
    const newsletter = await findNewsletter(db, options.newsletter)
    const wanted = { url, newsletterId: newsletter.id, backfillDays, allowPrivate }
    const { id, url: kept, created } = await attachSource(db, wanted, context.clock.now())
    const answer = { id, url: kept, newsletter: newsletter.slug, backfillDays, created }
    context.print(answer, `Source ${id} for ${newsletter.slug}: ${kept}`)
  })
}

function readBackfill(text: string): number | null {
  if (text === 'all') return null
  if (text === 'none') return 0
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw new CourantError('usage', {
    what: '--backfill is wrong.',
    why: `It takes none, all or a number of days, and got ${JSON.stringify(text)}.`,
  })
}

async function list(context: CommandContext, slug: string | undefined): Promise<void> {
  const { listSources } = await import('../collect/listing.ts')
  await context.withDatabase(async (db) => {
    const newsletter = slug === undefined ? null : await findNewsletter(db, slug)
    const sources = await listSources(db, newsletter?.id ?? null)
    for (const source of sources) context.printLine(source, describe(source))
  })
}

function describe(source: ListedSource): string {
  const failed = source.lastError === null ? '' : `, failed ${source.failures} times: ${source.lastError}`
  const next = source.kind === 'api' || source.state === 'ended' ? '–' : (source.nextFetchAt ?? 'due')
  const newsletters = source.newsletters.join(', ')
  return [source.id, source.url, source.title ?? '–', newsletters, `${source.state}${failed}`, next].join('\t')
}

const gather = (line: string, before: readonly string[]) => [...before, line]

async function set(context: CommandContext, name: string, options: SetOptions): Promise<void> {
  const { header, passwordStdin, ...change } = options
  if (header.length === 0 && !passwordStdin && Object.keys(change).length === 0)
    throw new CourantError('usage', { what: 'Nothing is to be changed.', todo: 'Run the command with --help.' })
  const password = passwordStdin ? await readPassword() : undefined
  const allowPrivate = context.config().collectAllowPrivate
  const { changeSource } = await import('../collect/change.ts')
  await context.withDatabase(async (db) => {
    const changed = await changeSource(db, name, { ...change, password, headers: header }, allowPrivate)
    if (changed.dropped)
      context.warn(
        'User name, password and headers were for the old host only: give them again if the new one wants them.',
      )
    const { dropped: _, ...answer } = changed
    context.print(answer, `Source ${changed.id} is ${changed.url}, and fetched with the next collection.`)
  })
}

/** The first line of standard input. */
async function readPassword(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) return line
  throw new CourantError('usage', { what: 'There is no password on standard input.' })
}

async function remove(context: CommandContext, name: string, slug: string | undefined): Promise<void> {
  const { detachSource } = await import('../collect/attach.ts')
  await context.withDatabase(async (db) => {
    const newsletter = slug === undefined ? null : await findNewsletter(db, slug)
    const detached = await detachSource(db, name, newsletter?.id ?? null)
    context.print(detached, `Source ${detached.id} is no longer one of ${detached.newsletters.join(', ')}.`)
  })
}
