import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import type { suppression } from '../../db/schema/subscriber.ts'
import { anyOf } from '../../db/sql.ts'
import { CourantError } from '../../errors.ts'
import { addressKey } from '../../mail/addresses/address.ts'
import { forgetOptIns } from '../confirmation/opt-in-queue.ts'
import { queueConfirmations } from '../confirmation/queue-confirmations.ts'
import { type ConsentEvent, describeConsent, hashAddress, readHashKey, recordConsent } from '../consent.ts'
import { findSuppressed } from '../suppression.ts'

/** What became of a suppression: its reader is asked to confirm these newsletters, or it is lifted since there is nothing to ask. */
type Lifted = {
  readonly suppression: (typeof suppression.$inferSelect)['reason']
  readonly lifted: boolean
  readonly asked: readonly string[]
}

type Found = { readonly reason: Lifted['suppression']; readonly asked: boolean }
type Named = { readonly id: number; readonly subscriberId: number; readonly slug: string; readonly state: string }

/**
 * Asks the reader of a suppressed address for a new confirmation, recorded with its reason. The address stays suppressed for
 * everything else until they confirm. Where no subscription is left to confirm, the suppression ends at once: the address may
 * be subscribed again.
 *
 * @throws CourantError `suppression.unknown`, `suppression.erased`, `suppression.asked`.
 */
export async function liftSuppression(
  db: Database,
  email: string,
  reason: string,
  now: Temporal.Instant,
): Promise<Lifted> {
  const emailKey = addressKey(email)
  const hash = hashAddress(await readHashKey(db), emailKey).toString('hex')
  return db.transaction(async (tx) => {
    const found = await lockSuppression(tx, hash, now)
    await tx.execute(sql`select from subscriber where email_key = ${emailKey} for no key update`)
    const all = await readSubscriptions(tx, emailKey)
    const named = all.filter(({ state }) => state !== 'unsubscribed')
    if (named.length > 0) await askAnew(tx, hash, named, found, now)
    else await tx.execute(sql`delete from suppression where email_hash = decode(${hash}, 'hex')`)
    await recordLift(tx, hash, named.length > 0 ? named : all, { reason, from: found.reason }, now)
    return { suppression: found.reason, lifted: named.length === 0, asked: named.map(({ slug }) => slug) }
  })
}

async function lockSuppression(tx: Database, hash: string, now: Temporal.Instant): Promise<Found> {
  await findSuppressed(tx, [hash], now)
  const rows = await tx.execute<Found>(sql`
    select reason, retried_at is not null as asked from suppression where email_hash = decode(${hash}, 'hex')`)
  const found = rows.rows[0]
  if (found === undefined)
    throw new CourantError('suppression.unknown', {
      what: 'The address is not suppressed.',
      todo: '"courant suppression list" shows those that are.',
    })
  if (found.reason === 'erased')
    throw new CourantError('suppression.erased', {
      what: 'The suppression cannot be lifted.',
      why: 'The reader was erased at their own wish, and nothing of them is left to ask.',
    })
  return found
}

async function readSubscriptions(tx: Database, emailKey: string): Promise<readonly Named[]> {
  const rows = await tx.execute<Named>(sql`
    select s.id, s.subscriber_id as "subscriberId", n.slug, s.state
    from subscriber p join subscription s on s.subscriber_id = p.id
    join newsletter n on n.id = s.newsletter_id and n.state <> 'deleted'
    where p.email_key = ${emailKey} order by n.slug, s.id`)
  return rows.rows
}

/** One mail that waits from before the suppression would be skipped: the new one names all it did. */
async function askAnew(
  tx: Database,
  hash: string,
  named: readonly Named[],
  { asked }: Found,
  now: Temporal.Instant,
): Promise<void> {
  const subscriberIds = [...new Set(named.map(({ subscriberId }) => subscriberId))]
  await tx.execute(sql`
    update suppression set retried_at = ${now.toString()} where email_hash = decode(${hash}, 'hex')`)
  await tx.execute(sql`
    update notice set state = 'skipped', reason = 'asked anew'
    where subscriber_id = ${anyOf(subscriberIds)} and kind in ('confirmation', 'reminder')
      and state = 'queued'`)
  // The limits keep strangers from mailing somebody; they hold again for who is asked a second time.
  if (!asked) await forgetOptIns(tx, subscriberIds)
  const wishes = named.map(({ id, subscriberId }) => ({
    subscriberId,
    subscriptionId: id,
    preferences: null,
    isUrgent: false,
  }))
  const queued = await queueConfirmations(tx, wishes, now)
  if (queued.size === 0)
    throw new CourantError('suppression.asked', {
      what: 'The reader is not asked once more.',
      why: 'They have been asked to confirm as often as they may be, or are being asked at this moment.',
      todo: '"courant subscriber show" says when.',
    })
}

async function recordLift(
  tx: Database,
  hash: string,
  subscriptions: readonly Named[],
  { reason, from }: { readonly reason: string; readonly from: string },
  now: Temporal.Instant,
): Promise<void> {
  const evidence = describeConsent(reason)
  const details = { by: 'administrator', suppression: from }
  const events = subscriptions.flatMap(({ id, state }): ConsentEvent[] => {
    const lifted = { subscriptionId: id, action: 'lifted', evidence, details } as const
    // A request that is asked anew expires anew.
    return state === 'pending' ? [lifted, { ...lifted, action: 'requested' }] : [lifted]
  })
  await recordConsent(tx, events, now)
  if (events.length === 0)
    await tx.execute(sql`
      insert into consent_record (email_hash, action, evidence, details, at)
      values (decode(${hash}, 'hex'), 'lifted', ${reason}, ${JSON.stringify(details)}::jsonb, ${now.toString()})`)
}
