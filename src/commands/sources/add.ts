import type { Command } from 'commander'
import { sourceOperations } from '../../operations/sources.ts'
import type { CommandContext } from '../shared/command-context.ts'
import { performOne } from '../shared/run.ts'
import { slug, wrong } from '../shared/values.ts'
import { type AccessOptions, readAccess } from './access.ts'

/** The newsletter of new feeds, and which of their articles are new. */
export type BackfillOptions = { readonly newsletter?: string; readonly backfill: number | 'all' }

/** Options of `source add`. */
export type AddOptions = AccessOptions & BackfillOptions

const WEEK = 7
const MOST_DAYS = 99_999

/** Adds these options to a command. */
export function takesBackfill(command: Command): Command {
  return command
    .option('--newsletter <slug>', 'slug; optional if there is only one newsletter', slug('--newsletter'))
    .option('--backfill <days>', 'how many days back articles are new: none, all or a number', readBackfill, WEEK)
}

/** Adds a feed, or the main feed of a page, to a newsletter, even if it cannot be fetched now. */
export async function addSource(context: CommandContext, given: string, options: AddOptions): Promise<void> {
  const { newsletter } = options
  const input = { newsletter, url: given, backfillDays: daysOf(options), ...(await readAccess(options)) }
  const { page, dropped, unreachable, ...added } = await performOne(context, sourceOperations.add, input)
  if (unreachable !== null)
    context.warn(
      `The source could not be fetched: ${unreachable} It was added anyway and is retried by the next collection.`,
    )
  if (dropped)
    context.warn('The feed is on another host than the page, so user name, password and headers were not stored.')
  const { id, url, newsletter: slug, backfillDays, created } = added
  const shown = page && { url: page.url, others: page.others }
  const text = [`Added source ${id} to ${slug}: ${url}`, ...describe(page)].join('\n')
  context.print({ id, url, newsletter: slug, backfillDays, created, page: shown }, text)
}

/** How many days back articles are new; null for all. */
export function daysOf({ backfill }: BackfillOptions): number | null {
  return backfill === 'all' ? null : backfill
}

/** commander treats null as no value. */
function readBackfill(text: string): BackfillOptions['backfill'] {
  if (text === 'all') return text
  if (text === 'none') return 0
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw wrong('--backfill', `none, all or a number of days up to ${MOST_DAYS}`, text)
}

type Page = Awaited<ReturnType<typeof sourceOperations.add.run>>['page']

function describe(found: Page): string[] {
  if (found === null) return []
  const others = found.others.slice(0, 20).map((url) => `  ${url}`)
  const more = others.length === 0 ? [] : ['Other feeds of the page:', ...others]
  return [`Found the feed “${found.title || 'untitled'}” on the page.`, ...more]
}
