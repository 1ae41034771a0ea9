import { sql } from 'drizzle-orm'
import { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { findFirstAllowed } from '../confirmation/opt-in-limits.ts'
import { type ExistingSubscription, pairKey, readSubscriptions } from '../subscriptions.ts'
import { decisionFor, type KnownAddress, recognizeAddresses, type SignupRequest, whyRefused } from './candidate.ts'

/**
 * What `signUp` would do with a wish now: make a subscription active, make one or keep one. `isAsked`: its reader would get
 * a confirmation mail (one, however many of their subscriptions it is about).
 */
type SignupForecast = {
  readonly kind: 'active' | 'pending' | 'known' | 'refused'
  readonly isAsked: boolean
}

/** Foretells `signUp` for these wishes, in the order given and in a fixed number of statements; changes nothing. */
export async function forecastSignups(
  db: Database,
  requests: readonly SignupRequest[],
  now: Temporal.Instant,
): Promise<readonly SignupForecast[]> {
  if (requests.length === 0) return []
  const known = await recognizeAddresses(db, requests, now)
  const standingOf = await readStanding(db, known)
  const spent = await findSpent(db, known, now)
  return known.map((one) => {
    const existing = standingOf(one)
    const decision = whyRefused(one) === null ? decisionFor(one, existing, []) : null
    if (decision === null || decision.kind === 'refuse') return { kind: 'refused', isAsked: false }
    const isAsked = decision.ask && !one.request.withheld && !spent.has(one.hash)
    if (decision.kind !== 'keep' && decision.to.state === 'active' && existing?.state !== 'active')
      return { kind: 'active', isAsked }
    return { kind: existing === null ? 'pending' : 'known', isAsked }
  })
}

async function readStanding(
  db: Database,
  known: readonly KnownAddress[],
): Promise<(one: KnownAddress) => ExistingSubscription | null> {
  const keys = JSON.stringify(known.map((one) => one.emailKey))
  const found = await db.execute<{ id: number; email_key: string }>(sql`
    select id, email_key from subscriber
    where email_key in (select key from jsonb_array_elements_text(${keys}::jsonb) as w (key))`)
  const subscriberIds = new Map(found.rows.map((row) => [row.email_key, row.id]))
  const pairOf = ({ newsletter, emailKey }: KnownAddress) => ({
    newsletterId: newsletter.id,
    subscriberId: subscriberIds.get(emailKey) ?? -1,
  })
  const kept = await readSubscriptions(db, known.map(pairOf))
  return (one) => kept.get(pairKey(pairOf(one))) ?? null
}

/** The hashes of those addresses that no opt-in mail may go to for now. */
async function findSpent(
  db: Database,
  known: readonly KnownAddress[],
  now: Temporal.Instant,
): Promise<ReadonlySet<string>> {
  const hashes = JSON.stringify(known.map((one) => one.hash))
  const found = await db.execute<{ hash: string; at: string }>(sql`
    select encode(email_hash, 'hex') as hash, at from opt_in
    where email_hash in (select decode(hash, 'hex') from jsonb_array_elements_text(${hashes}::jsonb) as w (hash))`)
  const groups = [...Map.groupBy(found.rows, (row) => row.hash)]
  const isSpent = (rows: readonly { at: string }[]) =>
    findFirstAllowed(
      rows.map((row) => Temporal.Instant.from(row.at)),
      now,
    ) === null
  return new Set(groups.filter(([, rows]) => isSpent(rows)).map(([hash]) => hash))
}
