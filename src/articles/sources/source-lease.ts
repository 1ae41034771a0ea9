import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { eq, type SQL, sql } from 'drizzle-orm'
import type { Clock, Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { hostLease } from '../../db/schema/source.ts'
import { type FeedSource, isUntouched, readSource, type SourceRef } from './due-sources.ts'

/** A worker's right to ask hosts, for a source or, with null, to look at an address that is none yet. */
type HostLease = { readonly sourceId: number | null; readonly owner: string; readonly token: string }

/** A worker's right to fetch a source and to ask its host. Once another worker has taken over, results under it are refused. */
type SourceLease = HostLease & {
  readonly sourceId: number
  readonly host: string
  /** When it was asked for, by the monotonic clock. */
  readonly sinceMs: number
}

/** A source that was leased, as it was then. */
export type LeasedSource = { readonly row: FeedSource; readonly lease: SourceLease }

/** Longest time from requesting a lease to the end of the fetch, which may be of several documents (a sitemap index). */
export const FETCH_MS = 45_000
/** Longer than any fetch, so a lease needs no heartbeat: when it expires, its host is no longer being asked. */
const LEASE_SECONDS = 60
const HOST_BUSY_MS = 250
/** A lease that lasts longer than this was written by a wrong clock; clocks of several machines differ by seconds. */
const LONGEST_SECONDS = 2 * LEASE_SECONDS

/**
 * Leases a source together with its host. `busy`: another worker is asking the host. `settled`: nothing to do, because the
 * source has moved to another host or, with `onlyDue`, was fetched by another worker since it was found.
 */
export async function leaseSource(
  db: Database,
  candidate: SourceRef,
  owner: string,
  onlyDue: boolean,
  clock: Clock,
): Promise<LeasedSource | 'busy' | 'settled'> {
  const { id: sourceId, host } = candidate
  const lease = { sourceId, host, owner, token: newToken(), sinceMs: clock.monotonicMs() }
  const isWanted = onlyDue ? isUntouched(candidate) : sql`true`
  try {
    const leased = await insertLease(db, lease, host, isWanted, clock.now())
    if (leased !== 'leased') return leased
    // Checked again: another worker may have fetched it just before the lease began.
    const row = await readSource(db, candidate, isWanted)
    if (row !== null) return { row, lease }
  } catch (error) {
    await releaseSourceLease(db, lease).catch(() => {})
    throw error
  }
  await releaseSourceLease(db, lease)
  return 'settled'
}

/** Waits until nobody else asks a host, and leases it; ends without when the signal is aborted. Idempotent. */
export type EnterHost = (host: string, until: AbortSignal) => Promise<void>

/** Extends a lease to hosts that the source redirects to. */
export function extendingTo(db: Database, lease: HostLease, clock: Clock): EnterHost {
  return async (host, until) => {
    const isFree = async () => (await insertLease(db, lease, host, sql`true`, clock.now())) === 'leased'
    while (!until.aborted && !(await isFree())) await clock.sleep(HOST_BUSY_MS, until)
  }
}

/** Does work that asks hosts on behalf of no source, each once nobody else asks it; they are released when it ends. */
export async function withHosts<T>(db: Database, clock: Clock, work: (enterHost: EnterHost) => Promise<T>): Promise<T> {
  const lease = { sourceId: null, owner: `${hostname()}:${process.pid}`, token: newToken() }
  try {
    return await work(extendingTo(db, lease, clock))
  } finally {
    // While the database is unreachable, the lease expires by itself.
    await releaseSourceLease(db, lease).catch(() => {})
  }
}

const newToken = () => randomBytes(8).toString('hex')

/** The primary key of `host_lease` decides between workers that try at the same instant. */
async function insertLease(
  db: Database,
  { sourceId, owner, token }: HostLease,
  host: string,
  isWanted: SQL,
  now: Temporal.Instant,
): Promise<'leased' | 'busy' | 'settled'> {
  const until = (seconds: number) => now.add({ seconds }).toString()
  const wanted =
    sourceId === null
      ? sql`select null::bigint as id`
      : sql`select id from source where source.id = ${sourceId} and ${isWanted}`
  const { rows } = await db.execute<{ wanted: boolean; leased: boolean }>(sql`
    with wanted as (
      ${wanted}
    ), leased as (
      insert into host_lease (host, source_id, owner, token, lease_until)
      select ${host}, id, ${owner}, ${token}, ${until(LEASE_SECONDS)}::timestamptz from wanted
      on conflict (host) do update set source_id = excluded.source_id, owner = excluded.owner, token = excluded.token,
        lease_until = excluded.lease_until
        where host_lease.lease_until <= ${now.toString()} or host_lease.lease_until > ${until(LONGEST_SECONDS)}
          or host_lease.token = excluded.token
      returning host
    )
    select exists (select from wanted) as wanted, exists (select from leased) as leased`)
  if (rows[0]?.leased === true) return 'leased'
  return rows[0]?.wanted === true ? 'busy' : 'settled'
}

/** The statement that ends a lease and returns the hosts it held. */
export function deleteSourceLease(db: Database, lease: HostLease) {
  return db.delete(hostLease).where(eq(hostLease.token, lease.token)).returning({ host: hostLease.host })
}

/** Releases a lease without a result. */
export async function releaseSourceLease(db: Database, lease: HostLease): Promise<void> {
  await deleteSourceLease(db, lease)
}
