import { type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { ChangedConcurrently, retryOnConflict } from '../../db/retry-transaction.ts'
import { anyOf } from '../../db/sql.ts'
import { lockCohortsForShare } from '../../newsletters/schedule/lock-cohorts.ts'
import { endRequests } from '../confirmation/opt-in-queue.ts'
import { type ConsentEvent, type Evidence, recordConsent } from '../consent.ts'
import type { SubscriptionState } from '../permission.ts'
import type { LinkKeys } from '../tokens.ts'
import { rememberWithdrawals } from '../withdrawal.ts'
import { describeUnsubscribe, findByToken, makeUndoToken, type UnsubscribeView } from './find-by-token.ts'
import { lastUnsubscribeOf } from './undoable.ts'

/** What the link of this token would leave, or has left, without a way back; null for no such token. Changes nothing. */
export async function readUnsubscribe(db: Database, keys: LinkKeys, token: string): Promise<UnsubscribeView | null> {
  const leaver = await findByToken(db, keys, token)
  return leaver && describeUnsubscribe(db, leaver)
}

/**
 * Leaves the token's subscription, or with `all` every one of its reader; what is left already stays as it is. What they
 * have seen is kept as their own watermark, so that coming back brings nothing twice. Null for no such token.
 *
 * @throws CourantError `subscriber.busy`.
 */
export async function unsubscribe(
  db: Database,
  keys: LinkKeys,
  token: string,
  { all }: { readonly all: boolean },
  evidence: Evidence,
  now: Temporal.Instant,
): Promise<UnsubscribeView | null> {
  const before = await findByToken(db, keys, token)
  if (before === null) return null
  const { subscriptionId, subscriberId } = before
  const wanted = all ? sql`s.subscriber_id = ${subscriberId}` : sql`s.id = ${subscriptionId}`
  const left = await retryOnConflict(db, async (tx) => {
    const ended = await endSubscriptions(tx, sql`${wanted} and s.state <> 'unsubscribed'`, now)
    await recordConsent(
      tx,
      ended.map(({ id, was }) => unsubscribedEvent(id, evidence, { by: 'reader', from: was, all })),
      now,
    )
    const ids = ended.map(({ id }) => id)
    await endRequests(tx, ids)
    await rememberWithdrawals(tx, ids, 'unsubscribed', now)
    return ended
  })
  const after = await findByToken(db, keys, token)
  const isOwn = left.length === 0 || left.some(({ id }) => id === subscriptionId)
  const undoId = isOwn ? subscriptionId : (left[0]?.id ?? subscriptionId)
  const undoToken = await makeUndoToken(db, keys, undoId, lastUnsubscribeOf(undoId), now)
  return after && { ...(await describeUnsubscribe(db, after)), undoToken }
}

type Ended = { readonly id: number; readonly was: SubscriptionState }

/** With its cohort held, a subscription is not being planned: its watermark holds. */
async function endSubscriptions(tx: Database, wanted: SQL, now: Temporal.Instant): Promise<readonly Ended[]> {
  const cohortIds = await lockCohortsForShare(tx, sql`id in (select s.cohort_id from subscription s where ${wanted})`)
  const ended = await tx.execute<Ended>(sql`
    with was as (
      select s.id, s.state from subscription s where ${wanted} and s.cohort_id = ${anyOf(cohortIds)} order by s.id for update
    )
    update subscription s set state = 'unsubscribed', unsubscribed_at = ${now.toString()},
      seen_entry_id = case when s.confirmed_at is not null then coalesce(s.seen_entry_id, c.seen_entry_id) end
    from was, cohort c
    where s.id = was.id and c.id = s.cohort_id
    returning s.id, was.state as was`)
  const missed = await tx.execute(sql`select from subscription s where ${wanted} limit 1`)
  if (missed.rows.length > 0) throw new ChangedConcurrently()
  return ended.rows
}

function unsubscribedEvent(subscriptionId: number, evidence: Evidence, details: ConsentEvent['details']): ConsentEvent {
  return { subscriptionId, action: 'unsubscribed', evidence, details }
}
