import { sql } from 'drizzle-orm'
import { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import type { Reader } from '../digest/compose/reader-fields.ts'
import { type MailAnswer, mayMail, type SubscriptionState } from '../subscribers/permission.ts'
import type { Lease } from './lease.ts'

/** One message to send: the delivery, its reader's current state, and why the reader is skipped, if so. */
export type Claimed = {
  readonly lease: Lease
  readonly seq: number
  readonly variantId: number
  readonly subscriptionId: number
  readonly attempts: number
  readonly ambiguous: boolean
  /** Set when the reader may no longer be mailed, though they could be when the edition was planned. */
  readonly skip: SkipReason | null
  readonly reader: Reader
}

export type SkipReason = Extract<MailAnswer, { may: false }>

type ClaimedRow = {
  seq: number
  variant_id: number
  subscription_id: number
  attempts: number
  ambiguous: boolean
  state: SubscriptionState
  suppressed: boolean
  email: string
  name: string | null
  token_version: number
  confirmed_ms: number | null
  frequency: Reader['frequency']
  weekday: number | null
  hour: number | null
  zone: string
}

/**
 * Moves up to `most` due deliveries of the batch to `sending`, counts them on the batch and joins in each reader's current
 * state, in one statement. Claims nothing when the lease was lost, the planner has recalled the batch, or the edition is no
 * longer sending.
 */
export async function claimDue(
  db: Database,
  lease: Lease,
  most: number,
  now: Temporal.Instant,
): Promise<readonly Claimed[]> {
  const at = now.toString()
  // The bounds are parameters, not read from `held`: otherwise the range is scanned from the edition's first delivery. `offset 0`
  // forces a lookup for each reader: PostgreSQL estimates millions for fifty rows of a partition and would read all readers,
  // 0.8 s instead of 2 ms at a million. `limit 1000` lowers that estimate, so that it does not JIT-compile the statement each
  // time. `any` names what is claimed: an edition newer than the last ANALYZE is estimated at one delivery, and a join to `due`
  // would read all of them for each claim, 100 ms instead of 2 at 20,000 (`npm run bench -- pages`).
  const rows = await db.execute<ClaimedRow>(sql`/* prepared claim */
    with held as (
      select s.id from batch s join edition e on e.id = s.edition_id
      where s.id = ${lease.batchId} and s.token = ${lease.token} and e.state = 'sending'
        and (s.recalled_until is null or s.recalled_until <= ${at})
      for update of s
    ), due as (
      select d.seq, d.state from delivery d
      where d.edition_id = ${lease.editionId} and d.seq between ${lease.fromSeq} and ${lease.toSeq}
        and exists (select from held)
        and (d.state = 'queued' or d.state = 'deferred' and d.retry_at <= ${at})
      order by d.seq limit ${most}
    ), claimed as (
      update delivery d
      set state = 'sending', attempts = attempts + 1, first_tried_at = coalesce(first_tried_at, ${at}::timestamptz)
      where d.edition_id = ${lease.editionId} and d.seq = any (array(select seq from due))
      returning d.seq, d.variant_id, d.subscription_id, d.attempts, d.ambiguous
    ), counted as (
      update batch s set
        sending = s.sending + (select count(*) from due),
        deferred = s.deferred - (select count(*) from due where state = 'deferred')
      from held where s.id = held.id
    )
    select c.*, r.* from (select * from claimed limit 1000) c
    cross join lateral (
      select s.state, p.email, p.name, s.token_version, (extract(epoch from s.confirmed_at) * 1000)::bigint as confirmed_ms,
        k.frequency, k.weekday, k.hour, k.zone,
        (select count(*) from (select from suppression x where x.email_hash = p.email_hash limit 1) one) > 0 as suppressed
      from subscription s join subscriber p on p.id = s.subscriber_id join cohort k on k.id = s.cohort_id
      where s.id = c.subscription_id offset 0
    ) r
    order by c.seq`)
  return rows.rows.map((row) => readClaimed(row, lease))
}

/**
 * Reads the current state of the readers of claimed deliveries; returns, by subscription, why each that may not be mailed is
 * skipped. With `for share`, in a transaction, none of them can unsubscribe before it ends.
 */
export async function recheck(
  db: Database,
  claimed: readonly Claimed[],
  lock: '' | 'for share' = '',
): Promise<ReadonlyMap<number, SkipReason>> {
  const ids = `{${claimed.map((one) => one.subscriptionId).join(',')}}`
  const rows = await db.execute<{ id: number; state: SubscriptionState; suppressed: boolean }>(sql`
    select s.id, s.state, exists (select from suppression x where x.email_hash = p.email_hash) as suppressed
    from subscription s join subscriber p on p.id = s.subscriber_id
    where s.id = any(${ids}::bigint[])
    order by s.id ${lock === '' ? sql`` : sql`for share of s`}`)
  const known = new Map(rows.rows.map((row) => [row.id, whySkip(row.state, row.suppressed)]))
  const skipped = claimed.flatMap(({ subscriptionId }) => {
    const read = known.get(subscriptionId)
    const skipReason = read === undefined ? whySkip(null, false) : read
    return skipReason === null ? [] : [[subscriptionId, skipReason] as const]
  })
  return new Map(skipped)
}

function whySkip(subscriptionState: SubscriptionState | null, suppressed: boolean): SkipReason | null {
  const answer = mayMail({ purpose: 'digest', subscriptionState, suppressed })
  return answer.may ? null : answer
}

function readClaimed(row: ClaimedRow, lease: Lease): Claimed {
  return {
    lease,
    seq: row.seq,
    variantId: row.variant_id,
    subscriptionId: row.subscription_id,
    attempts: row.attempts,
    ambiguous: row.ambiguous,
    skip: whySkip(row.state, row.suppressed),
    reader: {
      email: row.email,
      name: row.name,
      tokenVersion: row.token_version,
      since: row.confirmed_ms === null ? null : Temporal.Instant.fromEpochMilliseconds(row.confirmed_ms),
      frequency: row.frequency,
      weekday: row.weekday,
      hour: row.hour,
      zone: row.zone,
    },
  }
}
