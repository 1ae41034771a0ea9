import { type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { anyOf } from '../db/sql.ts'

/** How a suppressed address stands when its reader asks: `blocked`, or bounced so long ago that one confirmation may go. */
export type Suppressed = 'blocked' | 'retriable'

/** A mailbox that was full or closed may be open again after this. */
const RETRY_AFTER = sql`interval '7 days'`

const isRetriable = (now: Temporal.Instant) => sql`s.reason = 'bounced'
  and greatest(s.created_at, s.retried_at) <= ${now.toString()}::timestamptz - ${RETRY_AFTER}`

/** Whether nothing goes to the address of this hash: a condition. */
export const isSuppressed = (hash: SQL): SQL<boolean> =>
  sql<boolean>`exists (select from suppression x where x.email_hash = ${hash})`

/** Whether a confirmation queued at `queuedAt` is the one that a suppressed address gets all the same: a condition. */
export const isRetried = (hash: SQL, queuedAt: SQL): SQL<boolean> =>
  sql<boolean>`exists (select from suppression x where x.email_hash = ${hash} and x.reason <> 'erased'
    and x.created_at <= x.retried_at and x.retried_at <= ${queuedAt})`

/**
 * Which of these address hashes (in hex) nothing goes to. They are locked until the transaction ends, before anything
 * else is, so that of two who ask for one address only one finds it `retriable`.
 */
export async function findSuppressed(
  tx: Database,
  hashes: readonly string[],
  now: Temporal.Instant,
): Promise<ReadonlyMap<string, Suppressed>> {
  const found = await tx.execute<{ hash: string; retriable: boolean }>(sql`
    select encode(s.email_hash, 'hex') as hash, ${isRetriable(now)} as retriable
    from suppression s
    where s.email_hash in (select decode(hash, 'hex') from jsonb_array_elements_text(${JSON.stringify(hashes)}::jsonb) as w (hash))
    order by s.id for no key update`)
  return new Map(found.rows.map((row) => [row.hash, row.retriable ? 'retriable' : 'blocked']))
}

/** Notes that these subscribers, bounced long ago, are asked for confirmation now: once in so many days. */
export async function noteRetries(
  tx: Database,
  subscriberIds: readonly number[],
  now: Temporal.Instant,
): Promise<void> {
  await tx.execute(sql`
    update suppression s set retried_at = ${now.toString()} from subscriber p
    where p.id = ${anyOf(subscriberIds)} and s.email_hash = p.email_hash
      and ${isRetriable(now)}`)
}

/**
 * Lifts the suppression of a subscriber who has just confirmed: their mailbox answers again. One that complained or was blocked
 * stays, unless an administrator had them asked.
 */
export async function liftConfirmed(tx: Database, subscriberId: number): Promise<void> {
  await tx.execute(sql`
    delete from suppression s using subscriber p
    where p.id = ${subscriberId} and s.email_hash = p.email_hash
      and (s.reason = 'bounced' or s.reason <> 'erased' and s.retried_at is not null)`)
}
