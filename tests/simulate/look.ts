import { type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'

/** A subscription as it stands; `seen` is where its watermark stands, its own or its cohort's. */
export type Sub = {
  readonly id: number
  readonly newsletterId: number
  readonly address: string
  readonly state: string
  readonly frequency: string
  readonly weekday: number | null
  readonly hour: number | null
  readonly zone: string
  readonly topics: readonly number[]
  readonly seen: number
  readonly suppressed: boolean
  /** Suppressed for good: an address that bounced may be asked again one day. */
  readonly blocked: boolean
  readonly confirmed: boolean
}
/** An article as a newsletter shows it; `number` is the simulator's own. */
export type Shown = {
  readonly id: number
  readonly newsletterId: number
  readonly number: number
  readonly topics: readonly number[]
  readonly atMs: number
}
export type Edition = {
  readonly id: number
  readonly newsletterId: number
  readonly publicId: string
  readonly frequency: string | null
  readonly slotMs: number | null
  readonly state: string
  readonly createdMs: number
}
export type Delivery = {
  readonly editionId: number
  readonly subId: number
  readonly state: string
  readonly start: number
  /** It may have come: its relay or its worker was lost before the reply. */
  readonly isInDoubt: boolean
  readonly entries: readonly number[]
}
export type Newsletter = {
  readonly id: number
  readonly slug: string
  readonly state: string
  readonly frequency: string
  readonly weekday: null
  readonly hour: number
  readonly zone: string
  readonly minArticles: number
  readonly graceHours: number
}
/** Everything the rules are asked about, as rows. */
export type Look = {
  readonly subs: readonly Sub[]
  readonly entries: readonly Shown[]
  readonly editions: readonly Edition[]
  /** Of editions that were not over when last looked at, and newer ones. */
  readonly deliveries: readonly Delivery[]
  readonly newsletters: readonly Newsletter[]
  /** What does not add up: batches by their ids, editions by the difference of rows and ranges. */
  readonly wrong: readonly string[]
  readonly notices: number
}

const ms = (column: string) => sql.raw(`round(extract(epoch from ${column}) * 1000)::bigint`)

type Mine = (alias: 'd' | 's') => SQL

/** Reads it in one statement; `open` are the editions looked at anew, as are all above `after`. */
export async function lookAt(db: Database, open: readonly number[], after: number): Promise<Look> {
  const ids = `{${open.join(',')}}`
  const mine: Mine = (alias) => {
    const editionId = sql.raw(`${alias}.edition_id`)
    return sql`(${editionId} = any(${ids}::bigint[]) or ${editionId} > ${after})`
  }
  const all = (rows: SQL) => sql`(select coalesce(jsonb_agg(to_jsonb(r)), '[]'::jsonb) from (${rows}) r)`
  const found = await db.execute<{ look: Look }>(sql`
    select jsonb_build_object(
      'subs', ${all(sql`
        select s.id, s.newsletter_id as "newsletterId", p.email as address, s.state, c.frequency, c.weekday, c.hour, c.zone,
          s.topics, coalesce(s.seen_entry_id, c.seen_entry_id) as seen, s.confirmed_at is not null as confirmed,
          exists (select from suppression x where x.email_hash = p.email_hash) as suppressed,
          exists (select from suppression x where x.email_hash = p.email_hash and x.reason <> 'bounced') as blocked
        from subscription s join subscriber p on p.id = s.subscriber_id join cohort c on c.id = s.cohort_id order by s.id`)},
      'entries', ${all(sql`
        select e.id, e.newsletter_id as "newsletterId", substring(a.url from '[0-9]+$')::integer as number, e.topics,
          ${ms('e.created_at')} as "atMs"
        from entry e join article a on a.id = e.article_id where a.state = 'visible' order by e.id`)},
      'editions', ${all(sql`
        select id, newsletter_id as "newsletterId", public_id as "publicId", frequency, ${ms('slot_at')} as "slotMs", state,
          ${ms('created_at')} as "createdMs"
        from edition order by id`)},
      'deliveries', ${all(sql`
        select d.edition_id as "editionId", d.subscription_id as "subId", d.state, d.start_entry_id as start, d.ambiguous as "isInDoubt",
          v.entry_ids as entries
        from delivery d join variant v on v.id = d.variant_id where ${mine('d')} order by d.edition_id, d.seq`)},
      'newsletters', ${all(sql`
        select id, slug, state, frequency, case when frequency = 'weekly' then 1 end as weekday, hour, zone,
          min_articles as "minArticles", grace_hours as "graceHours"
        from newsletter order by id`)},
      'notices', (select count(*) from notice where state in ('queued', 'sending')),
      'wrong', (select coalesce(jsonb_agg(w.say), '[]'::jsonb) from (${misCounted(mine)}) w)) as look`)
  const look = found.rows[0]?.look
  if (look === undefined) throw new RangeError('nothing to look at')
  return look
}

/** Each batch's counters are its deliveries by state, and each edition's deliveries are its batches' ranges. */
const misCounted = (mine: Mine) => sql`
  select 'batch ' || s.id || ' of edition ' || s.edition_id || ' does not add up' as say
  from batch s
  join lateral (
    select count(*) as planned, count(*) filter (where state = 'sending') as sending,
      count(*) filter (where state = 'sent') as sent, count(*) filter (where state = 'deferred') as deferred,
      count(*) filter (where state = 'failed') as failed, count(*) filter (where state = 'skipped') as skipped,
      count(*) filter (where state = 'suppressed') as suppressed,
      count(*) filter (where state = 'superseded') as superseded,
      count(*) filter (where state = 'cancelled') as cancelled,
      count(*) filter (where state in ('queued', 'deferred', 'sending')) as open
    from delivery d where d.edition_id = s.edition_id and d.seq between s.from_seq and s.to_seq
  ) d on true
  where ${mine('s')} and (
    (d.planned, d.sending, d.sent, d.deferred, d.failed, d.skipped, d.suppressed, d.superseded, d.cancelled)
      <> (s.to_seq - s.from_seq + 1, s.sending, s.sent, s.deferred, s.failed, s.skipped, s.suppressed, s.superseded, s.cancelled)
    or (s.due_at is null and d.open > 0) or (s.due_at is not null and d.open = 0 and s.lease_until is null))
  union all
  select 'edition ' || r.edition_id || ' has ' || r.rows || ' deliveries and batches for ' || coalesce(t.ranges, 0)
  from (select edition_id, count(*) as rows from delivery d where ${mine('d')} group by edition_id) r
  left join (select edition_id, sum(to_seq - from_seq + 1) as ranges from batch group by edition_id) t using (edition_id)
  where r.rows <> coalesce(t.ranges, 0)`
