import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { anyOf } from '../../db/sql.ts'
import { nextSlot, type Schedule } from '../../newsletters/schedule/slots.ts'
import type { SubscriptionState } from '../permission.ts'
import type { ReaderLocale } from '../subscribers.ts'
import { isRetried } from '../suppression.ts'
import { type LinkKeys, readLink } from '../tokens.ts'
import type { RequestedPreferences } from './opt-in-queue.ts'
import { isExpired, isMailExpired } from './request-age.ts'

/** What a confirmation link is about: `open` while there is something to confirm, `confirmed` when all is. */
export type Confirmation = {
  readonly noticeId: number
  readonly subscriberId: number
  readonly email: string
  readonly locale: ReaderLocale
  readonly state: 'open' | 'confirmed'
  readonly newsletters: readonly ConfirmedNewsletter[]
}

/** One newsletter to confirm, or confirmed; topics by name, none means everything. */
export type ConfirmedNewsletter = {
  readonly subscriptionId: number
  readonly slug: string
  readonly name: string
  readonly schedule: Schedule
  readonly topics: readonly string[]
  readonly nextSlotAt: Temporal.Instant
}

/** A mail that asks for confirmation, and which of the subscriptions it names are still `open`. */
export type ConfirmationRequest = {
  readonly noticeId: number
  readonly kind: 'confirmation' | 'reminder'
  readonly subscriberId: number
  /** In hex. */
  readonly emailHash: string
  readonly email: string
  readonly locale: ReaderLocale
  readonly open: readonly number[]
  readonly confirmed: readonly number[]
  /** What it confirms of the subscriptions it names. */
  readonly preferences: RequestedPreferences
}

/** What the link of this token would confirm, or has; null where there is nothing (any more). Changes nothing. */
export async function readConfirmation(
  db: Database,
  keys: LinkKeys,
  token: string,
  now: Temporal.Instant,
): Promise<Confirmation | null> {
  const asking = await readConfirmationRequest(db, keys, token, now)
  if (asking === null) return null
  const { noticeId, subscriberId, email, locale, open, confirmed } = asking
  const ids = open.length > 0 ? open : confirmed
  if (ids.length === 0) return null
  const newsletters = await readNamed(db, ids, open.length > 0 ? asking.preferences : {}, now)
  return { noticeId, subscriberId, email, locale, state: open.length > 0 ? 'open' : 'confirmed', newsletters }
}

/**
 * The mail of this token; null for no such token. Open are subscriptions that are pending and not expired, and, of an
 * address asked anew after it bounced, those that were confirmed before. A mail opens nothing after 7 days, nor what its
 * reader has confirmed, declined or left since it was queued: a newer request does not revive the link of an older one.
 */
export async function readConfirmationRequest(
  db: Database,
  keys: LinkKeys,
  token: string,
  now: Temporal.Instant,
): Promise<ConfirmationRequest | null> {
  const link = readLink(keys, 'confirm', token)
  if (link === null) return null
  type Row = Omit<ConfirmationRequest, 'open' | 'confirmed' | 'choices'> & {
    choices: RequestedPreferences | null
    expired: boolean
    retried: boolean
    named: Named[] | null
  }
  const found = await db.execute<Row>(sql`
    select n.id as "noticeId", n.kind, p.id as "subscriberId", encode(p.email_hash, 'hex') as "emailHash", p.email,
      p.locale, n.payload -> 'preferences' as choices, ${isMailExpired(now)} as expired,
      ${isRetried(sql`p.email_hash`, sql`n.created_at`)} as retried,
      (select jsonb_agg(jsonb_build_object('id', s.id, 'state', s.state,
          'ended', coalesce(n.payload -> 'ended', '[]'::jsonb) @> to_jsonb(s.id) or ${isExpired(now)}) order by s.id)
        from subscription s join newsletter l on l.id = s.newsletter_id and l.state <> 'deleted'
        where s.subscriber_id = p.id and n.payload -> 'subscriptionIds' @> to_jsonb(s.id)) as named
    from notice n join subscriber p on p.id = n.subscriber_id
    where n.id = ${link.id} and n.kind in ('confirmation', 'reminder')`)
  const row = found.rows[0]
  if (row === undefined) return null
  const { retried, named, expired, ...asking } = row
  const isOpen = (one: Named) => !expired && !one.ended && (one.state === 'pending' || (retried && isConfirmed(one)))
  const idsOf = (all: readonly Named[]) => all.map(({ id }) => id)
  const [open, confirmed] = [isOpen, isConfirmed].map((is) => idsOf((named ?? []).filter(is)))
  return { ...asking, preferences: row.choices ?? {}, open: open ?? [], confirmed: confirmed ?? [] }
}

type Named = { readonly id: number; readonly state: SubscriptionState; readonly ended: boolean }

const isConfirmed = ({ state }: Named) => state === 'active' || state === 'paused'

async function readNamed(
  db: Database,
  ids: readonly number[],
  choices: RequestedPreferences,
  now: Temporal.Instant,
): Promise<readonly ConfirmedNewsletter[]> {
  type Row = Schedule & { id: number; slug: string; name: string; topics: string[] }
  const found = await db.execute<Row>(sql`
    select s.id, l.slug, l.name, c.frequency, c.weekday, c.hour, c.zone,
      array(select t.name from topic t where t.newsletter_id = l.id and
        case when w.schedule is null then t.id = any(s.topics) else w.schedule -> 'topicIds' @> to_jsonb(t.id) end
        order by t.name) as topics
    from subscription s join newsletter l on l.id = s.newsletter_id
    left join lateral (select ${JSON.stringify(choices)}::jsonb -> s.id::text as schedule) w on true
    cross join lateral (select to_jsonb(c) as standing from cohort c where c.id = s.cohort_id) k
    cross join lateral jsonb_to_record(coalesce(w.schedule, k.standing))
      as c (frequency text, weekday smallint, hour smallint, zone text)
    where s.id = ${anyOf(ids)}
    order by l.name, s.id`)
  return found.rows.map(({ id, slug, name, topics, frequency, weekday, hour, zone }) => {
    const schedule = { frequency, weekday, hour, zone }
    return { subscriptionId: id, slug, name, schedule, topics, nextSlotAt: nextSlot(schedule, now) }
  })
}
