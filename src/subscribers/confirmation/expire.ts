import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { forgetFormCounts } from '../form-limits.ts'
import { rememberWithdrawals } from '../withdrawal.ts'
import { isExpired } from './request-age.ts'

/** Requests a call; the rest waits for the next tick. */
const MOST = 500

/**
 * Ends requests nobody confirmed within 7 days, with all that is kept of them: subscription, evidence, mails, and the
 * subscriber where nothing else of theirs remains. A reader who had left before is left again, so that what they have
 * seen is not forgotten. Opt-in limits outlive the request by a year, and that it was not wanted is remembered by the keyed
 * hash of its address: an older import does not make it active. Returns how many ended.
 */
export async function expireRequests(db: Database, now: Temporal.Instant): Promise<number> {
  return db.transaction(async (tx) => {
    await forgetFormCounts(tx, now)
    await tx.execute(sql`delete from opt_in where at < ${now.toString()}::timestamptz - interval '1 year'`)
    const expired = await lockExpired(tx, now)
    if (expired.length === 0) return 0
    const once = expired.filter((one) => one.confirmed)
    const never = expired.filter((one) => !one.confirmed)
    await rememberWithdrawals(
      tx,
      expired.map(({ id }) => id),
      'ignored',
      now,
    )
    await forgetEvidence(tx, expired)
    await leaveAgain(tx, once, now)
    await tx.execute(sql`delete from subscription where id = any(${idsOf(never)}::bigint[])`)
    await forgetMails(tx, expired)
    await forgetSubscribers(tx, never)
    return expired.length
  })
}

type Expired = { readonly id: number; readonly subscriberId: number; readonly confirmed: boolean }

/**
 * Locks their subscribers, so that nobody asks or confirms meanwhile; whom another transaction holds is looked at next
 * time. Requests that were dropped before they were confirmed go the same way.
 */
async function lockExpired(tx: Database, now: Temporal.Instant): Promise<readonly Expired[]> {
  const isOver = sql`(s.state = 'pending' or s.state = 'unsubscribed' and s.confirmed_at is null) and ${isExpired(now)}`
  const locked = await tx.execute<{ id: number }>(sql`
    select p.id from subscriber p
    where p.id in (select s.subscriber_id from subscription s where ${isOver} order by s.id limit ${MOST})
    order by p.id for update skip locked`)
  const readers = `{${locked.rows.map(({ id }) => id).join(',')}}`
  const found = await tx.execute<Expired>(sql`
    select s.id, s.subscriber_id as "subscriberId", s.confirmed_at is not null as confirmed from subscription s
    where s.subscriber_id = any(${readers}::bigint[]) and ${isOver}
    order by s.id for update`)
  return found.rows
}

/** Of a reader who had left: what was recorded since. Of anyone else: all of the request. */
async function forgetEvidence(tx: Database, expired: readonly Expired[]): Promise<void> {
  await tx.execute(sql`
    delete from consent_record r
    using jsonb_to_recordset(${JSON.stringify(expired)}::jsonb) as w (id bigint, "subscriberId" bigint, confirmed boolean)
    where r.subscriber_id = w."subscriberId" and r.subscription_id = w.id and (not w.confirmed or r.id > (
      select coalesce(max(l.id), 0) from consent_record l
      where l.subscriber_id = w."subscriberId" and l.subscription_id = w.id and l.action not in ('requested', 'changed')))`)
}

async function leaveAgain(tx: Database, expired: readonly Expired[], now: Temporal.Instant): Promise<void> {
  await tx.execute(sql`
    update subscription set state = 'unsubscribed', unsubscribed_at = coalesce(unsubscribed_at, ${now.toString()})
    where id = any(${idsOf(expired)}::bigint[])`)
}

/** Mails that name nothing any more that waits for an answer. */
async function forgetMails(tx: Database, expired: readonly Expired[]): Promise<void> {
  const readers = `{${expired.map(({ subscriberId }) => subscriberId).join(',')}}`
  await tx.execute(sql`
    delete from notice n
    where n.subscriber_id = any(${readers}::bigint[]) and n.kind in ('confirmation', 'reminder')
      and not exists (
        select from subscription s
        where s.subscriber_id = n.subscriber_id and s.state <> 'unsubscribed' and n.payload -> 'subscriptionIds' @> to_jsonb(s.id))`)
}

async function forgetSubscribers(tx: Database, expired: readonly Expired[]): Promise<void> {
  const readers = `{${expired.map(({ subscriberId }) => subscriberId).join(',')}}`
  await tx.execute(sql`
    delete from subscriber p
    where p.id = any(${readers}::bigint[]) and not exists (select from subscription s where s.subscriber_id = p.id)`)
}

const idsOf = (expired: readonly Expired[]) => `{${expired.map(({ id }) => id).join(',')}}`
