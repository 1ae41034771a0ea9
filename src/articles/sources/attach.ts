import { and, asc, eq, type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { newsletter } from '../../db/schema/newsletter.ts'
import { newsletterSource, source } from '../../db/schema/source.ts'
import { CourantError, maskUrl } from '../../errors.ts'
import { refuseUrl } from '../fetch/address-guard.ts'
import { admitArticles } from '../store/store-articles.ts'
import { withStoreLock } from '../store/store-lock.ts'
import { keepSecrets, type SecretCipher } from './secrets.ts'
import { type AccessChange, changeAccess, withAddress } from './source-access.ts'

/** A feed for a newsletter. `backfillDays`: how far back what it holds is new; null for all, 0 for nothing. */
export type SourceRequest = {
  readonly url: string
  readonly newsletterId: number
  readonly backfillDays: number | null
  readonly allowPrivate: boolean
  readonly access?: AccessChange
  /** Needed where it comes with a password or headers. */
  readonly cipher?: SecretCipher
}

type Attached = { readonly id: number; readonly url: string; readonly created: boolean }

/**
 * Gives a newsletter a source, which is made when it is new. A user name and password in the URL are taken out and kept
 * apart; said beside it, they go before these. What a source holds that others collect already becomes visible at once; else with its first document.
 *
 * @throws CourantError `source.invalid`, `source.refused`, `source.exists`.
 */
export async function attachSource(db: Database, wanted: SourceRequest, now: Temporal.Instant): Promise<Attached> {
  const address = readAddress(wanted.url, wanted.allowPrivate)
  const { url } = address
  return withStoreLock(db, async (tx) => {
    const made = await tx
      .insert(source)
      .values({ kind: 'feed', url, feedUrl: url, createdAt: now })
      .onConflictDoNothing()
      .returning({ id: source.id })
    const [row] = await tx.select().from(source).where(eq(source.url, url)).for('update')
    if (row === undefined) throw new Error('a source that was there is gone')
    const access = changeAccess(row, withAddress(wanted.access ?? {}, address))
    const others = await countNewsletters(tx, row.id)
    await addToNewsletter(tx, row.id, url, wanted, now)
    const revived = row.state === 'ended' ? { state: 'active' as const, failures: 0, lastError: null } : {}
    await tx
      .update(source)
      .set({ ...access, ...keepSecrets(row, access, wanted.cipher), ...revived, nextFetchAt: null })
      .where(eq(source.id, row.id))
    if (others > 0 && row.fetches > 0) await admitArticles(tx, row.id, now)
    return { id: row.id, url, created: made.length > 0 }
  })
}

/** A feed's address without the user name and password that stood in it. */
export type SourceAddress = { readonly url: string; readonly username: string | null; readonly password: string | null }

/**
 * Reads the address of a feed as people paste it.
 *
 * @throws CourantError `source.invalid`, `source.refused`.
 */
export function readAddress(text: string, allowPrivate: boolean): SourceAddress {
  const url = URL.parse(
    text
      .trim()
      .replace(/^feed:(?:\/\/)?(?=https?:)/i, '')
      .replace(/^feed:\/\//i, 'https://'),
  )
  if (url === null)
    throw new CourantError('source.invalid', {
      what: 'The source is not a valid URL.',
      why: `Got ${JSON.stringify(maskUrl(text).slice(0, 200))}.`,
      todo: 'Give the whole address of a feed, with https://.',
    })
  const named = url.username !== '' && url.password !== ''
  const username = named ? decode(url.username) : null
  const password = named ? decode(url.password) : null
  if (named) {
    url.username = ''
    url.password = ''
  }
  url.hash = ''
  const reason = refuseUrl(url, allowPrivate)
  if (reason !== null)
    throw new CourantError('source.refused', {
      what: 'Courant does not fetch from there.',
      why: reason,
      todo: 'Give an address on the public internet; for tests COLLECT_ALLOW_PRIVATE=true opens private ones.',
    })
  return { url: url.href, username, password }
}

/** Whether a source is the one named by id or URL; a user name and password in that count for nothing. */
export function isNamed(name: string): SQL {
  if (/^\d{1,15}$/.test(name)) return eq(source.id, Number(name))
  const url = URL.parse(name)
  if (url !== null) Object.assign(url, { username: '', password: '' })
  return eq(source.url, url?.href ?? name)
}

/** Undoes percent-encoding; what is not encoded so stays as it is. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

async function countNewsletters(tx: Database, sourceId: number): Promise<number> {
  const rows = await tx.execute<{ count: number }>(sql`
    select count(*)::integer as count from newsletter_source
    join newsletter on newsletter.id = newsletter_source.newsletter_id
    where newsletter_source.source_id = ${sourceId} and newsletter.state <> 'deleted'`)
  return rows.rows[0]?.count ?? 0
}

async function addToNewsletter(
  tx: Database,
  sourceId: number,
  url: string,
  wanted: SourceRequest,
  now: Temporal.Instant,
) {
  const { newsletterId, backfillDays } = wanted
  const added = await tx
    .insert(newsletterSource)
    .values({ newsletterId, sourceId, backfillDays, createdAt: now })
    .onConflictDoNothing()
    .returning({ sourceId: newsletterSource.sourceId })
  if (added.length > 0) return
  throw new CourantError('source.exists', {
    what: 'The newsletter has this source already.',
    why: `It is source ${sourceId}, ${url}.`,
    todo: '"courant source list" shows all; "courant source remove" takes one away.',
  })
}

type Detached = { readonly id: number; readonly url: string; readonly newsletters: readonly string[] }

/**
 * Takes a source, named by id or URL, from a newsletter, or with null from all. Its articles and entries stay.
 *
 * @throws CourantError `source.unknown`.
 */
export async function detachSource(db: Database, name: string, newsletterId: number | null): Promise<Detached> {
  const isOfNewsletter = newsletterId === null ? undefined : eq(newsletterSource.newsletterId, newsletterId)
  const rows = await db
    .select({ id: source.id, url: source.url, slug: newsletter.slug })
    .from(newsletterSource)
    .innerJoin(source, eq(source.id, newsletterSource.sourceId))
    .innerJoin(newsletter, eq(newsletter.id, newsletterSource.newsletterId))
    .where(and(isNamed(name), eq(source.kind, 'feed'), isOfNewsletter))
    .orderBy(asc(newsletter.slug))
    .limit(10_000)
  const [first] = rows
  if (first === undefined)
    throw new CourantError('source.unknown', {
      what: `No newsletter has the source ${JSON.stringify(maskUrl(name).slice(0, 200))}.`,
      todo: '"courant source list" shows the sources with their ids.',
    })
  await db.delete(newsletterSource).where(and(eq(newsletterSource.sourceId, first.id), isOfNewsletter))
  return { id: first.id, url: first.url, newsletters: rows.map(({ slug }) => slug) }
}
