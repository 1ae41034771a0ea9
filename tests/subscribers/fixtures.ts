import { sql } from 'drizzle-orm'
import { Temporal } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import type { Newsletter } from '../../src/newsletters/newsletters.ts'
import type { SubscribeRequest } from '../../src/subscribers/signup/subscribe.ts'
import { anew } from '../support/anew.ts'
import { addNewsletter } from '../support/newsletters.ts'

/** A Wednesday; slots of the Tagblatt are at 06:00 UTC. */
export const NOON = Temporal.Instant.from('2025-01-15T12:00:00Z')
export const LAST_SLOT = Temporal.Instant.from('2025-01-15T06:00:00Z')
export const NEXT_SLOT = Temporal.Instant.from('2025-01-16T06:00:00Z')

export const TAGBLATT = { slug: 'tagblatt', name: 'Tagblatt', from: 'Redaktion <brief@tagblatt.example>' }
export const ZWEI = { slug: 'zwei', name: 'Zwei' }
/** The command line of one with an imprint. */
export const ADD_TAGBLATT = ['newsletter', 'add', '--slug', 'tagblatt', '--name', 'Tagblatt', '--imprint', 'Verlag']
export const EVIDENCE = { evidence: 'card of 2024-12-01', at: null }

/** A daily newsletter at 7 in Berlin. */
export function addTagblatt(db: Database, fields: Record<string, unknown> = {}): Promise<Newsletter> {
  return addNewsletter(db, { ...TAGBLATT, ...fields }, NOON)
}

/** A newsletter of a fresh database that stands in it anew before each test. */
export function freshTagblatt(db: Database, fields: Record<string, unknown> = {}): Promise<Newsletter> {
  return anew(() => addTagblatt(db, fields))
}

/** An administrator's wish that says nothing but the address. */
export function wish(newsletter: Newsletter, email: string, said: Partial<SubscribeRequest> = {}): SubscribeRequest {
  return {
    newsletterId: newsletter.id,
    email,
    name: null,
    locale: null,
    format: null,
    schedule: { frequency: null, weekday: null, hour: null, zone: null },
    topics: null,
    by: 'administrator',
    confirmed: null,
    ...said,
  }
}

/** What a wish says of a choice. */
export const choosing = (parts: Partial<SubscribeRequest['schedule']>): Pick<SubscribeRequest, 'schedule'> => ({
  schedule: { frequency: null, weekday: null, hour: null, zone: null, ...parts },
})

/** Makes an article visible to the newsletter at each of these times, and returns the entries' ids. */
export async function addEntries(
  db: Database,
  newsletter: Newsletter,
  times: readonly Temporal.Instant[],
): Promise<readonly number[]> {
  const ids: number[] = []
  await db.execute(sql`insert into source (kind, url, created_at) values ('api', 'api', ${NOON.toString()})
    on conflict do nothing`)
  for (const time of times) {
    const made = await db.execute<{ id: number }>(sql`
      with made as (
        insert into article (source_id, url, url_key, title, title_key, text_hash, created_at, updated_at)
        select id, 'https://tagblatt.example', 'x', 'x', 'x', 'x', ${time.toString()}, ${time.toString()} from source
        returning id)
      insert into entry (newsletter_id, article_id, created_at)
      select ${newsletter.id}, id, ${time.toString()}::timestamptz from made returning id`)
    ids.push(made.rows[0]?.id ?? 0)
  }
  return ids
}

/** What planning does to the newsletter's cohorts: everything until now was planned, own watermarks are cleared. */
export async function moveWatermarks(db: Database, newsletter: Newsletter): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.execute(sql`select id from cohort where newsletter_id = ${newsletter.id} order by id for update`)
    await tx.execute(sql`
      update cohort set seen_entry_id = (select coalesce(max(id), 0) from entry where newsletter_id = ${newsletter.id})
      where newsletter_id = ${newsletter.id}`)
    await tx.execute(sql`
      update subscription set seen_entry_id = null where newsletter_id = ${newsletter.id} and state = 'active'`)
  })
}

/** A subscription's row beside its cohort's watermark. */
export type SubscriptionRow = {
  readonly id: number
  readonly state: string
  readonly cohort_id: number
  readonly own: number | null
  readonly cohort: number
  readonly topics: readonly number[]
}

export async function readRow(db: Database, subscriptionId: number): Promise<SubscriptionRow> {
  const found = await db.execute<SubscriptionRow>(sql`
    select s.id, s.state, s.cohort_id, s.seen_entry_id as own, c.seen_entry_id as cohort, s.topics
    from subscription s join cohort c on c.id = s.cohort_id where s.id = ${subscriptionId}`)
  const row = found.rows[0]
  if (row === undefined) throw new Error('no such subscription')
  return row
}

export async function count(db: Database, table: string): Promise<number> {
  const found = await db.execute<{ rows: number }>(sql.raw(`select count(*) as rows from ${table}`))
  return found.rows[0]?.rows ?? 0
}

/** The actions recorded, oldest first. */
export async function actions(db: Database): Promise<readonly string[]> {
  const found = await db.execute<{ action: string }>(sql`select action from consent_record order by id`)
  return found.rows.map((row) => row.action)
}
