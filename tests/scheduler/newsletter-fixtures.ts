import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { Temporal } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import { FREQUENCIES } from '../../src/db/schema/newsletter.ts'
import type { Newsletter } from '../../src/newsletters/newsletters.ts'
import type { Schedule } from '../../src/newsletters/schedule/slots.ts'
import type { PlanWork } from '../../src/scheduler/plan-due.ts'
import { signUp } from '../../src/subscribers/signup/sign-up.ts'
import { addNewsletter } from '../support/newsletters.ts'
import { senderTo } from '../support/sender.ts'
import { MONDAY } from './times.ts'

/** What planning needs, with the product's own templates; nothing is sent. */
export const WORK: PlanWork = { sender: await senderTo(), log: pino({ level: 'silent' }) }

/** A daily newsletter at 7 in Berlin. */
export function addTagblatt(
  db: Database,
  fields: Record<string, unknown> = {},
  now: Temporal.Instant = MONDAY,
): Promise<Newsletter> {
  const tagblatt = {
    slug: 'tagblatt',
    name: 'Tagblatt',
    from: 'Redaktion <brief@tagblatt.example>',
    imprint: 'Verlag Beispiel, Musterweg 1, 10115 Berlin',
  }
  return addNewsletter(db, { ...tagblatt, ...fields }, now)
}

/** A confirmed reader; what is not chosen is the newsletter's default. Returns the subscription. */
export async function addReader(
  db: Database,
  newsletter: Newsletter,
  name: string,
  schedule: Partial<Schedule>,
  now: Temporal.Instant,
): Promise<number> {
  const [reader = 0] = await addReaders(db, newsletter, { [name]: schedule }, now)
  return reader
}

/** Confirmed readers by their names, and what each chooses. Returns the subscriptions in the same order. */
export async function addReaders(
  db: Database,
  newsletter: Newsletter,
  choices: Readonly<Record<string, Partial<Schedule>>>,
  now: Temporal.Instant,
): Promise<readonly number[]> {
  const wishes = Object.entries(choices).map(([name, schedule]) => ({
    newsletterId: newsletter.id,
    address: `${name}@leser.example`,
    name: null,
    locale: null,
    format: null,
    schedule: { frequency: null, weekday: null, hour: null, zone: null, ...schedule },
    topics: null,
    by: 'administrator' as const,
    confirmed: { evidence: 'a card', at: null },
  }))
  const signedUp = await signUp(db, wishes, now)
  return signedUp.map((one) => {
    if (one.kind === 'refused') throw new Error(`a reader is refused: ${one.reason}`)
    return one.subscriptionId
  })
}

/** The Tagblatt with its reader Eva, for whom one entry is new. */
export async function addEva(
  db: Database,
  fields: Record<string, unknown> = {},
): Promise<{ tagblatt: Newsletter; reader: number; entry: number }> {
  const tagblatt = await addTagblatt(db, fields)
  const reader = await addReader(db, tagblatt, 'eva', {}, MONDAY)
  return { tagblatt, reader, entry: await addEntry(db, tagblatt, MONDAY) }
}

/** Makes an article visible to the newsletter at `time`, and returns its entry's id. */
export async function addEntry(db: Database, newsletter: Newsletter, time: Temporal.Instant): Promise<number> {
  const made = await db.execute<{ id: number }>(sql`
    with api as (
      insert into source (kind, url, title, created_at) values ('api', ${`api:${newsletter.id}`}, 'Redaktion', ${time.toString()})
      on conflict (url) do update set title = excluded.title returning id
    ), made as (
      insert into article (source_id, url, url_key, title, title_key, text_hash, created_at, updated_at)
      select id, 'https://tagblatt.example/x', 'x', 'Eine Nachricht', 'x', 'x', ${time.toString()}, ${time.toString()} from api
      returning id
    )
    insert into entry (newsletter_id, article_id, created_at)
    select ${newsletter.id}, id, ${time.toString()}::timestamptz from made returning id`)
  return made.rows[0]?.id ?? 0
}

/** An edition of a slot, as tests compare it. */
export type SlotRow = {
  readonly frequency: string
  readonly slot: string
  readonly state: string
  readonly readers: number
}

/** The editions of slots in the order of their slots. */
export async function readSlots(db: Database): Promise<readonly SlotRow[]> {
  const rows = await db.execute<Omit<SlotRow, 'slot'> & { slot_at: string }>(sql`
    select frequency, slot_at, state, (select count(*) from delivery d where d.edition_id = e.id) as readers
    from edition e where slot_at is not null order by e.slot_at, array_position(${sql.param([...FREQUENCIES])}::text[], frequency), id`)
  return rows.rows.map(({ slot_at, ...row }) => ({ ...row, slot: Temporal.Instant.from(slot_at).toString() }))
}

/** The entries of a subscription's deliveries that were not superseded or cancelled, one list each, in the order of planning. */
export async function readReceived(db: Database, subscriptionId: number): Promise<readonly (readonly number[])[]> {
  const rows = await db.execute<{ entries: number[] }>(sql`
    select v.entry_ids as entries from delivery d join variant v on v.id = d.variant_id
    where d.subscription_id = ${subscriptionId} and d.state not in ('superseded', 'cancelled') order by d.edition_id`)
  return rows.rows.map((row) => row.entries)
}

/** Marks everything unsent as sent. */
export async function sendAll(db: Database): Promise<void> {
  await db.execute(sql`update delivery set state = 'sent' where state in ('queued', 'deferred')`)
  await db.execute(sql`update batch set sent = to_seq - from_seq + 1 - superseded, due_at = null`)
  await db.execute(sql`update edition set state = 'finished' where state = 'sending'`)
}
