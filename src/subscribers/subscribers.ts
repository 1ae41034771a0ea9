import { sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import type { subscriber } from '../db/schema/subscriber.ts'

type Row = typeof subscriber.$inferSelect
export type ReaderLocale = Row['locale']
export type ReaderFormat = Row['format']

/** A person as made when the address is new; `hash` in hex. */
export type NewSubscriber = {
  readonly emailKey: string
  readonly email: string
  readonly hash: string
  readonly name: string | null
  readonly locale: ReaderLocale
  readonly format: ReaderFormat
}

/** What a call may say about a person who is known; null for what it does not. */
export type SubscriberChange = {
  readonly id: number
  readonly name: string | null
  readonly locale: ReaderLocale | null
  readonly format: ReaderFormat | null
}

/**
 * Makes the subscribers that are missing and locks all of them until the transaction ends, so that whoever signs up the
 * same address meanwhile waits and then sees what was written. Returns their ids by address key.
 */
export async function ensureSubscribers(
  tx: Database,
  people: readonly NewSubscriber[],
  now: Temporal.Instant,
): Promise<ReadonlyMap<string, number>> {
  for (;;) {
    const ids = await addAndLock(tx, people, now)
    // Gone while we waited for its lock: its request had expired. The next statement sees that, and makes it anew.
    if (people.every((person) => ids.has(person.emailKey))) return ids
  }
}

async function addAndLock(
  tx: Database,
  people: readonly NewSubscriber[],
  now: Temporal.Instant,
): Promise<ReadonlyMap<string, number>> {
  const rows = JSON.stringify(people)
  // Both statements in one order everywhere, so that two imports of the same addresses do not wait in a ring.
  await tx.execute(sql`
    insert into subscriber (email, email_key, email_hash, name, locale, format, created_at)
    select email, "emailKey", decode(hash, 'hex'), name, locale, format, ${now.toString()}::timestamptz
    from jsonb_to_recordset(${rows}::jsonb)
      as w ("emailKey" text, email text, hash text, name text, locale text, format text)
    order by "emailKey"
    on conflict (email_key) do nothing`)
  const locked = await tx.execute<{ id: number; email_key: string }>(sql`
    select id, email_key from subscriber
    where email_key in (select "emailKey" from jsonb_to_recordset(${rows}::jsonb) as w ("emailKey" text))
    order by id for no key update`)
  return new Map(locked.rows.map((row) => [row.email_key, row.id]))
}

/** Writes what is said and differs, and returns the ids of those it changed. */
export async function changeSubscribers(
  tx: Database,
  changes: readonly SubscriberChange[],
): Promise<ReadonlySet<number>> {
  const changed = await tx.execute<{ id: number }>(sql`
    update subscriber s
    set name = coalesce(w.name, s.name), locale = coalesce(w.locale, s.locale), format = coalesce(w.format, s.format)
    from jsonb_to_recordset(${JSON.stringify(changes)}::jsonb)
      as w (id bigint, name text, locale text, format text)
    where s.id = w.id and (w.name <> s.name or (w.name is not null and s.name is null)
      or w.locale <> s.locale or w.format <> s.format)
    returning s.id`)
  return new Set(changed.rows.map((row) => row.id))
}
