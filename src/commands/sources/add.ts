import type { Command } from 'commander'
import type { SourceAddress } from '../../articles/sources/attach.ts'
import type { Discovery } from '../../articles/sources/discover-feed.ts'
import type { AccessChange } from '../../articles/sources/source-access.ts'
import type { Database } from '../../db/client.ts'
import { CourantError } from '../../errors.ts'
import { findNewsletter } from '../../newsletters/newsletters.ts'
import type { CommandContext } from '../shared/command-context.ts'
import { slug, wrong } from '../shared/values.ts'
import { type AccessOptions, readAccess } from './access.ts'

/** Whom feeds are given to, and what of them is new. */
export type BackfillOptions = { readonly newsletter?: string; readonly backfill: number | 'all' }

/** Options of `source add`. */
export type AddOptions = AccessOptions & BackfillOptions

const WEEK = 7
const MOST_DAYS = 99_999

/** Adds these options to a command. */
export function takesBackfill(command: Command): Command {
  return command
    .option('--newsletter <slug>', 'may be left out where there is only one', slug('--newsletter'))
    .option('--backfill <days>', 'how far back what a feed holds now is new: none, all, or days', readBackfill, WEEK)
}

/** Gives a newsletter a feed, or the main feed of a page. One that cannot be fetched now is added all the same. */
export async function addSource(context: CommandContext, given: string, options: AddOptions): Promise<void> {
  const backfillDays = daysOf(options)
  const allowPrivate = context.config().collectAllowPrivate
  const [{ attachSource, readAddress }, { withAddress }, { openSecretCipher }] = await Promise.all([
    import('../../articles/sources/attach.ts'),
    import('../../articles/sources/source-access.ts'),
    import('../../articles/sources/secrets.ts'),
  ])
  const address = readAddress(given, allowPrivate)
  const access = await readAccess(options)
  await context.withDatabase(async (db) => {
    const newsletter = await findNewsletter(db, options.newsletter)
    const found = await discover(context, db, address, access)
    const url = found.kind === 'page' ? found.url : address.url
    const isElsewhere = new URL(url).origin !== new URL(address.url).origin
    const shown = withAddress(access, address)
    const kept = isElsewhere ? { userAgent: access.userAgent } : shown
    if (isElsewhere && (shown.username || shown.headers?.length))
      context.warn('The feed is on another host than the page: user name, password and headers were not kept for it.')
    const cipher = openSecretCipher(context.config().secrets)
    const wanted = { url, newsletterId: newsletter.id, backfillDays, allowPrivate, access: kept, cipher }
    const { id, url: feed, created } = await attachSource(db, wanted, context.clock.now())
    const page = found.kind === 'page' ? { url: address.url, others: found.others } : null
    const answer = { id, url: feed, newsletter: newsletter.slug, backfillDays, created, page }
    context.print(answer, [`Source ${id} for ${newsletter.slug}: ${feed}`, ...describe(found)].join('\n'))
  })
}

/** How far back what a feed holds now is new, in days; null for all. */
export function daysOf({ backfill }: BackfillOptions): number | null {
  return backfill === 'all' ? null : backfill
}

/** commander takes null for no answer. */
function readBackfill(text: string): BackfillOptions['backfill'] {
  if (text === 'all') return text
  if (text === 'none') return 0
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw wrong('--backfill', `none, all or a number of days up to ${MOST_DAYS}`, text)
}

/** The hosts asked are leased: a worker may be asking them at the same time. */
async function discover(
  context: CommandContext,
  db: Database,
  address: SourceAddress,
  access: AccessChange,
): Promise<Discovery> {
  const { baseUrl, collectAllowPrivate } = context.config()
  const [{ discoverFeed }, { withHosts }, { makeUserAgent }, { changeAccess, withAddress }] = await Promise.all([
    import('../../articles/sources/discover-feed.ts'),
    import('../../articles/sources/source-lease.ts'),
    import('../../articles/fetch/user-agent.ts'),
    import('../../articles/sources/source-access.ts'),
  ])
  const nothing = { userAgent: null, username: null, password: null, headers: null }
  const shown = changeAccess(nothing, withAddress(access, address))
  const options = {
    userAgent: shown.userAgent ?? makeUserAgent(baseUrl),
    guard: { allowPrivate: collectAllowPrivate },
    credentials: { ...shown, origin: new URL(address.url).origin, headers: shown.headers ?? {} },
  }
  const found = await withHosts(db, context.clock, (enterHost) => discoverFeed(address.url, { ...options, enterHost }))
  if (found.kind === 'failed')
    context.warn(
      `It could not be looked at: ${found.reason} It is added all the same, and tried again when collecting.`,
    )
  if (found.kind !== 'none') return found
  throw new CourantError('source.nofeed', {
    what: 'No feed was found there.',
    why: found.why,
    todo: 'Give the address of a feed (RSS, Atom, RDF, JSON Feed, news sitemap), or of a page that links one.',
  })
}

function describe(found: Discovery): string[] {
  if (found.kind !== 'page') return []
  const others = found.others.slice(0, 20).map((url) => `  ${url}`)
  const more = others.length === 0 ? [] : ['The page links these as well:', ...others]
  return [`That is the feed “${found.title || 'untitled'}” of the page that was given.`, ...more]
}
