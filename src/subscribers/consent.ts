import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { installation } from '../db/schema/installation.ts'
import type { consentRecord } from '../db/schema/subscriber.ts'
import { oneLine } from '../locale/clean-line.ts'

/** What a reader was shown when they acted: its words and their version, and from where they did. */
export type Evidence = {
  readonly shown: string
  readonly textVersion: string | null
  readonly ip: string | null
  readonly userAgent: string | null
}

/** What happened to the consent of a subscription, and the words that prove it. */
export type ConsentEvent = {
  readonly subscriptionId: number
  readonly action: (typeof consentRecord.$inferSelect)['action']
  readonly evidence: Evidence | null
  readonly details: Record<string, unknown>
}

/** A browser may call itself anything, at any length. */
const LONGEST_USER_AGENT = 500

/** Evidence of which only the words are known: an administrator's, an importer's. */
export const describeConsent = (shown: string): Evidence => ({ shown, textVersion: null, ip: null, userAgent: null })

/** The installation's key for hashes of addresses; it never changes. */
export async function readHashKey(db: Database): Promise<KeyObject> {
  const rows = await db.select({ hashKey: installation.hashKey }).from(installation)
  const row = rows[0]
  if (row === undefined) throw new RangeError('the database is not migrated')
  return createSecretKey(row.hashKey)
}

/** The name of an address that survives its erasure: HMAC-SHA-256 of its key under the installation's. */
export function hashAddress(hashKey: KeyObject, emailKey: string): Buffer {
  return createHmac('sha256', hashKey).update(emailKey).digest()
}

/** Appends evidence, in the transaction of the change it proves. Records are never changed: a trigger sees to it. */
export async function recordConsent(
  tx: Database,
  events: readonly ConsentEvent[],
  now: Temporal.Instant,
): Promise<void> {
  const rows = events.map(({ evidence, ...event }) => ({
    ...event,
    ...evidence,
    userAgent: clean(evidence?.userAgent),
  }))
  await tx.execute(sql`
    insert into consent_record (subscriber_id, subscription_id, newsletter_id, email_hash, action, evidence,
      text_version, ip, user_agent, details, at)
    select s.subscriber_id, s.id, s.newsletter_id, p.email_hash, w.action, w.shown,
      w."textVersion", w.ip, w."userAgent", w.details, ${now.toString()}::timestamptz
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as w ("subscriptionId" bigint, action text, shown text,
      "textVersion" text, ip text, "userAgent" text, details jsonb)
    join subscription s on s.id = w."subscriptionId"
    join subscriber p on p.id = s.subscriber_id
    order by s.id`)
}

function clean(userAgent: string | null | undefined): string | null {
  return userAgent == null ? null : oneLine(userAgent).slice(0, LONGEST_USER_AGENT)
}
