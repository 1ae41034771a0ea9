import { and, eq, ne, sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { newsletterSource, source } from '../../db/schema/source.ts'
import { CourantError, maskUrl } from '../../errors.ts'
import { isNamed, readAddress } from './attach.ts'
import { keepSecrets, type SecretCipher } from './secrets.ts'
import { type AccessChange, changeAccess, withAddress } from './source-access.ts'

/** What is to change of a source; undefined stays. */
export type SourceChange = AccessChange & { readonly url?: string }

/** A changed source, without its secrets. */
type ChangedSource = {
  readonly id: number
  readonly url: string
  readonly userAgent: string | null
  readonly hasCredentials: boolean
  readonly headerNames: readonly string[]
  readonly state: 'active'
  /** Another host was named: the old one's user name, password and headers were dropped. */
  readonly dropped: boolean
}

/** A source with its secrets. */
type Row = typeof source.$inferSelect

/**
 * Changes a feed, named by id or URL, and lets it be fetched at once, also when it had ended. At a new URL everything is
 * read anew, yet new to readers is only what is as young as when the feed was added; secrets go to another host only
 * when they are given anew. `cipher` is needed where the source has a password or headers.
 *
 * @throws CourantError `source.unknown`, `source.exists`, `source.invalid`, `source.refused`.
 */
export async function changeSource(
  db: Database,
  name: string,
  change: SourceChange,
  allowPrivate: boolean,
  cipher?: SecretCipher,
): Promise<ChangedSource> {
  const address = change.url === undefined ? null : readAddress(change.url, allowPrivate)
  return db.transaction(async (tx) => {
    const row = await findSource(tx, name)
    const isMoved = address !== null && (address.url !== row.url || address.url !== row.feedUrl)
    if (isMoved) await moveSource(tx, row, address.url)
    const isElsewhere = isMoved && originOf(address.url) !== originOf(row.url)
    const before = isElsewhere ? { ...row, username: null, password: null, headers: null } : row
    const access = changeAccess(before, withAddress(change, address))
    const revived = { state: 'active' as const, failures: 0, lastError: null, nextFetchAt: null }
    await tx
      .update(source)
      .set({ ...access, ...keepSecrets(before, access, cipher), ...revived })
      .where(eq(source.id, row.id))
    return {
      id: row.id,
      url: address?.url ?? row.url,
      userAgent: access.userAgent,
      hasCredentials: access.username !== null,
      headerNames: Object.keys(access.headers ?? {}),
      state: revived.state,
      dropped: isElsewhere && (row.username !== null || row.headers !== null),
    }
  })
}

/** One that a newsletter takes from: the others are rows for their articles' sake. */
export async function findSource(tx: Database, name: string): Promise<Row> {
  const isTaken = sql`exists (
    select from newsletter_source t join newsletter n on n.id = t.newsletter_id
    where t.source_id = ${source.id} and n.state <> 'deleted')`
  const [row] = await tx
    .select()
    .from(source)
    .where(and(isNamed(name), eq(source.kind, 'feed'), isTaken))
    .for('update')
  if (row !== undefined) return row
  throw new CourantError('source.unknown', {
    what: `No newsletter has a feed ${JSON.stringify(maskUrl(name).slice(0, 200))}.`,
    todo: '"courant source list" shows the sources with their ids.',
  })
}

/** Forgets what was known of the old document, and lets in what the new one holds as when the source was added. */
async function moveSource(tx: Database, row: Row, url: string): Promise<void> {
  const [other] = await tx
    .select({ id: source.id })
    .from(source)
    .where(and(eq(source.url, url), ne(source.id, row.id)))
  if (other !== undefined)
    throw new CourantError('source.exists', {
      what: 'There is a source with this URL already.',
      why: `It is source ${other.id}.`,
      todo: `Remove source ${row.id} and add that URL to the newsletter.`,
    })
  const unread = { etag: null, lastModified: null, bodyHash: null }
  await tx
    .update(source)
    .set({ url, feedUrl: url, ...unread })
    .where(eq(source.id, row.id))
  await tx.update(newsletterSource).set({ admittedAt: null }).where(eq(newsletterSource.sourceId, row.id))
}

const originOf = (url: string) => URL.parse(url)?.origin ?? ''
