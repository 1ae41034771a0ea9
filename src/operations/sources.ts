import { z } from 'zod'
import type { SourceAddress } from '../articles/sources/attach.ts'
import type { AccessChange } from '../articles/sources/source-access.ts'
import { CourantError } from '../errors.ts'
import { findNewsletter } from '../newsletters/newsletters.ts'
import { bytesField, oneLineOf, onlyOrSlug, slugField } from './fields.ts'
import { audited, type OperationContext, unaudited } from './operation.ts'

const LONGEST_URL = 2_000
const MOST_DAYS = 99_999

const url = oneLineOf(LONGEST_URL)
/** A source by its id or URL. */
const source = url
/** What is sent to a source when it is fetched. */
const access = z.object({
  userAgent: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  headers: z.array(z.string()).optional(),
})
/** The newsletter of a new source, and how many days back its articles are new: null for all, 0 for none. */
const target = z.object({ newsletter: onlyOrSlug, backfillDays: z.int().min(0).max(MOST_DAYS).nullable().default(7) })

/** Operations on sources. */
export const sourceOperations = {
  /**
   * Adds a feed, or the main feed of a page, to a newsletter, even if it cannot be fetched now. Fetching may take a minute and must
   * not hold a transaction open, so the audit line is written first.
   */
  add: audited({
    name: 'source.add',
    right: 'sources.write',
    input: target.extend({ url, ...access.shape }),
    run: addSource,
    audit: {
      before: async ({ newsletter, url }, { db, config }) => {
        const { readAddress } = await import('../articles/sources/attach.ts')
        const { host } = new URL(readAddress(url, config().collectAllowPrivate).url)
        return { subject: (await findNewsletter(db, newsletter)).slug, details: { host } }
      },
    },
  }),

  /** Lists all sources or those of one newsletter, with the result of their last fetch. */
  list: unaudited({
    name: 'source.list',
    right: 'sources.read',
    input: z.object({ newsletter: slugField.optional() }),
    run: async ({ db }, { newsletter }) => {
      const { listSources } = await import('../articles/sources/list-sources.ts')
      return listSources(db, newsletter === undefined ? null : (await findNewsletter(db, newsletter)).id)
    },
  }),

  /** Changes a source and makes it due. `dropped`: its credentials belonged to the old host and were removed. */
  set: audited({
    name: 'source.set',
    right: 'sources.write',
    input: access.extend({ source, url: url.optional() }),
    run: async ({ db, config }, { source, ...change }) => {
      const [{ changeSource }, { openSecretCipher }] = await Promise.all([
        import('../articles/sources/change-source.ts'),
        import('../articles/sources/secrets.ts'),
      ])
      const { collectAllowPrivate, secrets } = config()
      return changeSource(db, source, change, collectAllowPrivate, openSecretCipher(secrets))
    },
    audit: {
      after: ({ id }, { source: _, ...change }) => ({ subject: id, details: { changed: given(change) } }),
    },
  }),

  /** Releases the articles that the flood guard holds: `letIn` makes them new to readers, `markSeen` shows them to nobody. */
  release: audited({
    name: 'source.release',
    right: 'sources.write',
    input: z.object({ source, decision: z.enum(['letIn', 'markSeen']) }),
    transact: async (db, work) => (await import('../articles/store/store-lock.ts')).withStoreLock(db, work),
    run: async ({ db, clock }, { source, decision }) => {
      const { releaseHeld } = await import('../articles/sources/release-held.ts')
      return releaseHeld(db, source, decision, clock.now())
    },
    audit: { after: ({ id, articles }, { decision }) => ({ subject: id, details: { decision, articles } }) },
  }),

  /** Removes a source from one newsletter or from all; its articles stay. */
  remove: audited({
    name: 'source.remove',
    right: 'sources.write',
    input: z.object({ source, newsletter: slugField.optional() }),
    run: async ({ db }, { source, newsletter }) => {
      const { detachSource } = await import('../articles/sources/attach.ts')
      return detachSource(db, source, newsletter === undefined ? null : (await findNewsletter(db, newsletter)).id)
    },
    audit: { after: ({ id, newsletters }) => ({ subject: id, details: { newsletters } }) },
  }),

  /** Adds all feeds of an OPML file to a newsletter. Each takes a transaction, so the audit line is written first. */
  import: audited({
    name: 'source.import',
    right: 'sources.write',
    input: target.extend({ opml: bytesField }),
    run: async ({ db, clock, config }, { newsletter: slug, backfillDays, opml }) => {
      const [{ importFeeds }, { parserPool: processReader }, { openSecretCipher }] = await Promise.all([
        import('../articles/sources/import-opml.ts'),
        import('../articles/parsing/parser-pool.ts'),
        import('../articles/sources/secrets.ts'),
      ])
      const { collectAllowPrivate: allowPrivate, secrets } = config()
      const feeds = await processReader.ask('readList', Buffer.from(opml))
      const { id: newsletterId, slug: newsletter } = await findNewsletter(db, slug)
      const wanted = { newsletterId, backfillDays, allowPrivate, cipher: openSecretCipher(secrets) }
      const refused: { readonly url: string; readonly why: string | null }[] = []
      const counts = { added: 0, existing: 0, refused: 0 }
      for await (const { outcome, url, why } of importFeeds(db, feeds, wanted, clock.now())) {
        counts[outcome] += 1
        if (outcome === 'refused') refused.push({ url, why })
      }
      return { newsletter, feeds: feeds.length, added: counts.added, existing: counts.existing, refused }
    },
    audit: { before: async ({ newsletter }, { db }) => ({ subject: (await findNewsletter(db, newsletter)).slug }) },
  }),

  /** Exports the active feeds as OPML. */
  export: unaudited({
    name: 'source.export',
    right: 'sources.read',
    input: z.object({ newsletter: slugField.optional() }),
    run: async ({ db }, { newsletter: slug }) => {
      const [{ listSources }, { writeOpml }] = await Promise.all([
        import('../articles/sources/list-sources.ts'),
        import('../articles/sources/import-opml.ts'),
      ])
      const newsletter = slug === undefined ? null : await findNewsletter(db, slug)
      return { opml: writeOpml(await listSources(db, newsletter?.id ?? null), newsletter?.name ?? 'Courant') }
    },
  }),
}

const given = (change: object) =>
  Object.entries(change)
    .flatMap(([name, value]) => (value === undefined ? [] : name))
    .sort()

type AddInput = z.output<typeof target> & z.output<typeof access> & { readonly url: string }

async function addSource(
  context: OperationContext,
  { newsletter: slug, url: given, backfillDays, ...access }: AddInput,
) {
  const { db, clock, config } = context
  const [{ attachSource, readAddress }, { withAddress }, { openSecretCipher }] = await Promise.all([
    import('../articles/sources/attach.ts'),
    import('../articles/sources/source-access.ts'),
    import('../articles/sources/secrets.ts'),
  ])
  const { collectAllowPrivate: allowPrivate, secrets } = config()
  const address = readAddress(given, allowPrivate)
  const { id: newsletterId, slug: newsletter } = await findNewsletter(db, slug)
  const found = await discover(context, address, access)
  const feed = found.kind === 'page' ? found.url : address.url
  const isElsewhere = new URL(feed).origin !== new URL(address.url).origin
  const shown = withAddress(access, address)
  const kept = isElsewhere ? { userAgent: access.userAgent } : shown
  const dropped = isElsewhere && Boolean(shown.username || shown.headers?.length)
  const cipher = openSecretCipher(secrets)
  const wanted = { url: feed, newsletterId, backfillDays, allowPrivate, access: kept, cipher }
  const { id, url, created } = await attachSource(db, wanted, clock.now())
  const page = found.kind === 'page' ? { url: address.url, title: found.title, others: found.others } : null
  const unreachable = found.kind === 'failed' ? found.reason : null
  return { id, url, newsletter, backfillDays, created, page, dropped, unreachable }
}

/** Leases the hosts it fetches from, since a worker may fetch from them at the same time. */
async function discover({ db, clock, config }: OperationContext, address: SourceAddress, access: AccessChange) {
  const { baseUrl, collectAllowPrivate: allowPrivate } = config()
  const [{ discoverFeed }, { withHosts }, { makeUserAgent }, { changeAccess, withAddress }] = await Promise.all([
    import('../articles/sources/discover-feed.ts'),
    import('../articles/sources/source-lease.ts'),
    import('../articles/fetch/user-agent.ts'),
    import('../articles/sources/source-access.ts'),
  ])
  const nothing = { userAgent: null, username: null, password: null, headers: null }
  const shown = changeAccess(nothing, withAddress(access, address))
  const options = {
    userAgent: shown.userAgent ?? makeUserAgent(baseUrl),
    guard: { allowPrivate },
    credentials: { ...shown, origin: new URL(address.url).origin, headers: shown.headers ?? {} },
  }
  const found = await withHosts(db, clock, (enterHost) => discoverFeed(address.url, { ...options, enterHost }))
  if (found.kind !== 'none') return found
  throw new CourantError('source.nofeed', {
    what: 'No feed was found there.',
    why: found.why,
    todo: 'Give the address of a feed (RSS, Atom, RDF, JSON Feed, news sitemap), or of a page that links one.',
  })
}
