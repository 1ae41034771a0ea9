import { randomBytes } from 'node:crypto'
import { eq, type SQL, sql } from 'drizzle-orm'
import type { Clock, Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { hostLease } from '../../db/schema/source.ts'
import { type Candidate, type FeedSource, isUntouched, readSource } from './due.ts'

/** A worker's right to fetch a source and to ask its host. Once another worker has taken over, results under it are refused. */
export type Lease = {
  readonly sourceId: number
  readonly host: string
  readonly owner: string
  readonly token: string
  /** When it was asked for, by the monotonic clock. */
  readonly sinceMs: number
}

/** A source that was leased, as it was then. */
export type Leased = { readonly row: FeedSource; readonly lease: Lease }

/** Longest time from requesting a lease to the end of the fetch, which may be of several documents (a sitemap index). */
export const FETCH_MS = 45_000
/** Longer than any fetch, so a lease needs no heartbeat: when it expires, its host is no longer being asked. */
const LEASE_SECONDS = 60
/** A lease that lasts longer than this was written by a wrong clock; clocks of several machines differ by seconds. */
const LONGEST_SECONDS = 2 * LEASE_SECONDS

/**
 * Leases a source together with its host. `busy`: another worker is asking the host. `settled`: nothing to do, because the
 * source has moved to another host or, with `onlyDue`, was fetched by another worker since it was found.
 */
export async function leaseSource(
  db: Database,
  candidate: Candidate,
  owner: string,
  onlyDue: boolean,
  clock: Clock,
): Promise<Leased | 'busy' | 'settled'> {
  const { id: sourceId, host } = candidate
  const lease = { sourceId, host, owner, token: randomBytes(8).toString('hex'), sinceMs: clock.monotonicMs() }
  const isWanted = onlyDue ? isUntouched(candidate) : sql`true`
  try {
    const leased = await insertLease(db, lease, host, isWanted, clock.now())
    if (leased !== 'leased') return leased
    // Checked again: another worker may have fetched it just before the lease began.
    const row = await readSource(db, candidate, isWanted)
    if (row !== null) return { row, lease }
  } catch (error) {
    await releaseLease(db, lease).catch(() => {})
    throw error
  }
  await releaseLease(db, lease)
  return 'settled'
}

/** Extends a lease to a host that the source redirects to; false while another worker is asking that one. Idempotent. */
export async function leaseHost(db: Database, lease: Lease, host: string, now: Temporal.Instant): Promise<boolean> {
  return (await insertLease(db, lease, host, sql`true`, now)) === 'leased'
}

/** The primary key of `host_lease` decides between workers that try at the same instant. */
async function insertLease(
  db: Database,
  { sourceId, owner, token }: Lease,
  host: string,
  isWanted: SQL,
  now: Temporal.Instant,
): Promise<'leased' | 'busy' | 'settled'> {
  const until = (seconds: number) => now.add({ seconds }).toString()
  const { rows } = await db.execute<{ wanted: boolean; leased: boolean }>(sql`
    with wanted as (
      select id from source where source.id = ${sourceId} and ${isWanted}
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
export function endLease(db: Database, lease: Lease) {
  return db.delete(hostLease).where(eq(hostLease.token, lease.token)).returning({ host: hostLease.host })
}

/** Releases a lease without a result. */
export async function releaseLease(db: Database, lease: Lease): Promise<void> {
  await endLease(db, lease)
}
