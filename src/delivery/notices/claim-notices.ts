import { randomInt } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import type { newsletter } from '../../db/schema/newsletter.ts'
import type { RequestedSubscription } from '../../digest/compose/confirmation-mail.ts'
import type { Locale } from '../../locale/locale.ts'
import { whyNotMail } from '../../subscribers/permission.ts'
import { isRetried, isSuppressed } from '../../subscribers/suppression.ts'
import { LEASE_SECONDS } from '../lease.ts'

/** A notice to send, with the current state of what it names. Updates under an older token have no effect. */
export type ClaimedNotice = {
  readonly id: number
  readonly kind: 'confirmation' | 'reminder'
  readonly token: number
  readonly nonce: Buffer
  readonly attempts: number
  /** An earlier copy may have arrived. */
  readonly ambiguous: boolean
  readonly createdAt: Temporal.Instant
  readonly reader: { readonly email: string; readonly locale: Locale; readonly format: 'html' | 'plain' }
  /** The newsletters it may ask for, in the order they were asked for; if none, `skip` holds the reason. */
  readonly asked: readonly RequestedNewsletter[]
  readonly skip: string | null
  /** A worker that died was sending it, so it may have been sent. */
  readonly takenOver: boolean
}

/** A newsletter a notice names, and the choice made for it. */
export type RequestedNewsletter = RequestedSubscription &
  Pick<
    typeof newsletter.$inferSelect,
    'fromAddress' | 'fromName' | 'replyTo' | 'accent' | 'headlineColour' | 'headlineFont'
  >

type Row = {
  id: number
  kind: ClaimedNotice['kind']
  token: number
  nonce: Buffer
  attempts: number
  ambiguous: boolean
  created_at: string
  email: string
  locale: Locale
  format: 'html' | 'plain'
  refusal: string | null
  taken_over: boolean
  name: string
  imprint: string | null
  from_address: string
  from_name: string
  reply_to: string | null
  accent: string
  headline_colour: string | null
  headline_font: RequestedNewsletter['headlineFont']
  frequency: RequestedNewsletter['frequency']
  weekday: number | null
  hour: number | null
  zone: string
}

/** The kinds that ask for confirmation: all there are so far. */
const KINDS = sql`n.kind in ('confirmation', 'reminder')`
/** The states are literals, so that the index over open notices can be used. */
const isDue = (at: string) =>
  sql`n.state in ('queued', 'sending') and n.due_at <= ${at} and (n.state = 'queued' or n.lease_until <= ${at}) and ${KINDS}`

/** How many notices are due, counted up to `most`. */
export async function countDue(db: Database, most: number, now: Temporal.Instant): Promise<number> {
  const rows = await db.execute<{ count: number }>(sql`
    select count(*)::integer as count from (
      select from notice n where ${isDue(now.toString())} limit ${most}
    ) due`)
  return rows.rows[0]?.count ?? 0
}

/**
 * Leases up to `most` due notices, oldest first, and reads what each may ask for now, in one statement. What a dead worker was
 * sending is taken over and marked as possibly sent; never one of `except`, which this worker holds itself.
 */
export async function claimNotices(
  db: Database,
  most: number,
  now: Temporal.Instant,
  token = makeToken(),
  except: readonly number[] = [],
): Promise<readonly ClaimedNotice[]> {
  const at = now.toString()
  const hash = sql`p.email_hash`
  const refusal = whyNotMail('confirmation', sql`s.state`, isSuppressed(hash), isRetried(hash, sql`c.created_at`))
  const rows = await db.execute<Row>(sql`
    with due as (
      select n.id, n.state from notice n where ${isDue(at)} and n.id <> all(${`{${except.join(',')}}`}::bigint[])
      order by n.due_at, n.id limit ${most} for update skip locked
    ), claimed as (
      update notice n set
        state = 'sending', token = ${token}, attempts = n.attempts + 1, lease_until = ${leaseEnd(now)},
        ambiguous = n.ambiguous or n.state = 'sending'
      from due where n.id = due.id
      returning n.id, n.kind, n.subscriber_id, n.payload, n.nonce, n.token, n.attempts, n.ambiguous, n.due_at, n.created_at,
        due.state = 'sending' as taken_over
    )
    select c.id, c.kind, c.token, c.nonce, c.attempts, c.ambiguous, c.created_at, c.taken_over, p.email, p.locale, p.format,
      case when w.state = 'deleted' then 'the newsletter is no more'
        else ${refusal} end as refusal,
      w.name, w.imprint, w.from_address, w.from_name, w.reply_to, w.accent, w.headline_colour, w.headline_font,
      k.frequency, k.weekday, k.hour, k.zone
    from claimed c
    join subscriber p on p.id = c.subscriber_id
    left join lateral jsonb_array_elements_text(c.payload -> 'subscriptionIds') with ordinality as named (id, place) on true
    left join subscription s on s.id = named.id::bigint and s.subscriber_id = c.subscriber_id
    left join newsletter w on w.id = s.newsletter_id
    left join cohort current on current.id = s.cohort_id
    left join lateral jsonb_to_record(coalesce(c.payload -> 'preferences' -> named.id, to_jsonb(current)))
      as k (frequency text, weekday smallint, hour smallint, zone text) on true
    order by c.due_at, c.id, named.place`)
  return [...Map.groupBy(rows.rows, (row) => row.id).values()].flatMap(readNotice)
}

/** A random token for one claim: updates under an older one have no effect. */
export const makeToken = (): number => randomInt(2 ** 31)

/** Gives back, as never tried, what the claim with this token took whose answer was lost. */
export async function giveBackLost(db: Database, token: number): Promise<void> {
  await db.execute(sql`
    update notice set state = 'queued', attempts = attempts - 1, lease_until = null
    where state = 'sending' and token = ${token}`)
}

/**
 * Whether a claimed notice may still go as it was written: all it asks for waits for an answer as before. These subscriptions
 * are locked until the transaction ends, so that nobody unsubscribes meanwhile.
 */
export async function mayStillSend(tx: Database, { id, token, asked }: ClaimedNotice): Promise<boolean> {
  const hash = sql`p.email_hash`
  const refusal = whyNotMail('confirmation', sql`s.state`, isSuppressed(hash), isRetried(hash, sql`c.created_at`))
  const rows = await tx.execute(sql`
    select from notice c
    join subscriber p on p.id = c.subscriber_id
    cross join lateral jsonb_array_elements_text(c.payload -> 'subscriptionIds') as named (id)
    join subscription s on s.id = named.id::bigint and s.subscriber_id = c.subscriber_id
    join newsletter w on w.id = s.newsletter_id and w.state <> 'deleted'
    where c.id = ${id} and c.token = ${token} and ${refusal} is null
    order by s.id for share of s`)
  return rows.rows.length > 0 && rows.rows.length >= asked.length
}

/** Extends the leases of the notices that are still this worker's and returns their ids. */
export async function extendNotices(
  db: Database,
  claimed: readonly ClaimedNotice[],
  now: Temporal.Instant,
): Promise<ReadonlySet<number>> {
  const held = await db.execute<{ id: number }>(sql`
    update notice n set lease_until = ${leaseEnd(now)}
    from jsonb_to_recordset(${JSON.stringify(claimed.map(({ id, token }) => ({ id, token })))}::jsonb)
      as c (id bigint, token integer)
    where n.id = c.id and n.token = c.token and n.state = 'sending'
    returning n.id`)
  return new Set(held.rows.map((row) => row.id))
}

function readNotice(rows: readonly Row[]): ClaimedNotice[] {
  const [row] = rows
  if (row === undefined) return []
  return [
    {
      id: row.id,
      kind: row.kind,
      token: row.token,
      nonce: row.nonce,
      attempts: row.attempts,
      ambiguous: row.ambiguous,
      createdAt: Temporal.Instant.from(row.created_at),
      reader: { email: row.email, locale: row.locale, format: row.format },
      asked: rows.filter((one) => one.refusal === null).map(readAsked),
      skip: rows.every((one) => one.refusal !== null) ? row.refusal : null,
      takenOver: row.taken_over,
    },
  ]
}

function readAsked(row: Row): RequestedNewsletter {
  return {
    name: row.name,
    imprint: row.imprint ?? '',
    fromAddress: row.from_address,
    fromName: row.from_name,
    replyTo: row.reply_to,
    accent: row.accent,
    headlineColour: row.headline_colour,
    headlineFont: row.headline_font,
    frequency: row.frequency,
    weekday: row.weekday,
    hour: row.hour,
    zone: row.zone,
  }
}

const leaseEnd = (now: Temporal.Instant) => now.add({ seconds: LEASE_SECONDS }).toString()
