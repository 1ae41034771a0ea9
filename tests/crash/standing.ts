import { sql } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'

/** An edition by its rows and by its batches. */
export type EditionRow = {
  readonly id: number
  readonly public_id: string
  readonly nonce: Buffer
  readonly state: string
  /** Deliveries in all, and the sum of the batches' ranges. */
  readonly rows: number
  readonly ranged: number
}

/** A delivery's end of the bargain: whose it is and where it stands. */
export type DeliveryRow = {
  readonly edition_id: number
  readonly seq: number
  readonly email: string
  readonly state: string
  readonly ambiguous: boolean
}

/** All that the promises are about, as one statement each saw it. */
export type Standing = {
  readonly editions: readonly EditionRow[]
  readonly deliveries: readonly DeliveryRow[]
  /** Batches whose counters do not equal their rows, whose rows nobody will take up, or which a dead worker keeps. */
  readonly badBatches: readonly { readonly id: number; readonly what: string }[]
  /** Cohorts that have not seen the last entry, readers who have an own watermark though they got everything. */
  readonly badMarks: readonly { readonly what: string }[]
}

/** Reads how all editions stand at `at`, of the moved clock. */
export async function readStanding(db: Database, at: string): Promise<Standing> {
  const editions = await db.execute<EditionRow>(sql`
    select e.id, e.public_id, e.nonce, e.state,
      (select count(*) from delivery d where d.edition_id = e.id) as rows,
      (select coalesce(sum(to_seq - from_seq + 1), 0) from batch s where s.edition_id = e.id) as ranged
    from edition e order by e.id`)
  const deliveries = await db.execute<DeliveryRow>(sql`
    select d.edition_id, d.seq, p.email, d.state, d.ambiguous
    from delivery d join subscriber p on p.id = d.subscriber_id
    order by d.edition_id, d.seq`)
  return {
    editions: editions.rows,
    deliveries: deliveries.rows,
    badBatches: await readBadBatches(db, at),
    badMarks: await readBadMarks(db),
  }
}

/**
 * Of every edition there is. What is queued or being sent must be due (a dead worker's lease ends within 15 s, a planner's
 * recall within 60 s), what is deferred must be due by the time it shows.
 */
async function readBadBatches(db: Database, at: string): Promise<Standing['badBatches']> {
  const found = await db.execute<{ id: number; what: string }>(sql`
    with counted as (
      select s.id, count(d.seq) as rows,
        count(*) filter (where d.state = 'queued') as queued, count(*) filter (where d.state = 'sending') as sending,
        count(*) filter (where d.state = 'sent') as sent, count(*) filter (where d.state = 'deferred') as deferred,
        count(*) filter (where d.state = 'failed') as failed, count(*) filter (where d.state = 'suppressed') as suppressed,
        count(*) filter (where d.state = 'skipped') as skipped, count(*) filter (where d.state = 'superseded') as superseded,
        count(*) filter (where d.state = 'cancelled') as cancelled,
        min(d.retry_at) filter (where d.state = 'deferred') as retry_at,
        count(*) filter (where d.state = 'deferred' and d.retry_at is null) as unshown
      from batch s left join delivery d on d.edition_id = s.edition_id and d.seq between s.from_seq and s.to_seq
      group by s.id
    )
    select s.id, concat_ws(', ',
      case when (s.sending, s.sent, s.deferred, s.failed, s.suppressed, s.skipped, s.superseded, s.cancelled)
        is distinct from
        (c.sending, c.sent, c.deferred, c.failed, c.suppressed, c.skipped, c.superseded, c.cancelled)
        then 'counters ' || s::text || ' but rows ' || c::text end,
      case when c.rows <> s.to_seq - s.from_seq + 1 then 'rows are missing' end,
      case when c.queued + c.sending > 0 and s.due_at is null then 'queued or sending, and never due' end,
      case when c.queued + c.sending > 0 and s.due_at > ${at}::timestamptz + interval '60 s'
        then 'queued or sending, and due as late as ' || s.due_at end,
      case when c.deferred > 0 and (s.due_at is null or s.due_at > greatest(c.retry_at, ${at}::timestamptz))
        then 'deferred, and not due when it says' end,
      case when c.unshown > 0 then 'deferred without a time' end,
      case when c.queued + c.sending + c.deferred = 0 and s.due_at is not null and s.owner is null
        then 'all is final, and it is due all the same' end,
      case when s.lease_until > ${at}::timestamptz + interval '15 s' then 'leased too long' end,
      case when s.recalled_until > ${at}::timestamptz + interval '60 s' then 'recalled too long' end) as what
    from batch s join counted c on c.id = s.id`)
  return found.rows.filter(({ what }) => what !== '')
}

async function readBadMarks(db: Database): Promise<Standing['badMarks']> {
  const found = await db.execute<{ what: string }>(sql`
    with last as (select coalesce(max(id), 0) as id from entry)
    select 'cohort ' || c.id || ' has seen ' || c.seen_entry_id || ' of ' || last.id as what
    from cohort c, last where c.seen_entry_id <> last.id
    union all
    select 'subscription ' || s.id || ' has a watermark of its own, ' || s.seen_entry_id
    from subscription s, last
    where s.seen_entry_id < last.id and not exists (
      select from delivery d
      where d.subscription_id = s.id and d.state in ('failed', 'suppressed', 'skipped', 'cancelled')
    )
    order by 1 limit 5`)
  return found.rows
}
