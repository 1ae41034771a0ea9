import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { isSuppressed } from '../suppression.ts'
import { MOST_OPT_INS } from './opt-in-limits.ts'
import { type OptInOrder, queueOptIns } from './opt-in-queue.ts'
import { isExpired } from './request-age.ts'

/** Reminders a call; the rest waits for the next tick. */
const MOST = 500

/**
 * Queues the one reminder of requests still pending 48 hours after the last confirmation mail was due and sent; it names
 * all their reader has pending, and counts among the mails their address may get. Returns how many.
 */
export async function queueReminders(db: Database, now: Temporal.Instant): Promise<number> {
  return db.transaction(async (tx) => {
    const forgetful = await lockForgetful(tx, now)
    const reminded = await queueOptIns(tx, 'reminder', forgetful, now)
    return reminded.size
  })
}

/** Readers whom another transaction holds may just be confirming: they are looked at again next time. */
async function lockForgetful(tx: Database, now: Temporal.Instant) {
  const at = sql`${now.toString()}::timestamptz`
  const locked = await tx.execute<{ id: number }>(sql`
    select p.id from subscriber p
    where p.id in (
        select n.subscriber_id from notice n
        where n.kind = 'confirmation' and n.state = 'sent'
          and n.due_at > ${at} - interval '7 days' and n.due_at <= ${at} - interval '48 hours'
      )
      and not exists (
        select from notice m where m.subscriber_id = p.id and (
          m.kind = 'reminder' and m.created_at > ${at} - interval '7 days'
          or m.kind = 'confirmation' and (m.state in ('queued', 'sending')
            or m.state = 'sent' and m.due_at > ${at} - interval '48 hours'))
      )
      and exists (select from subscription s where s.subscriber_id = p.id and s.state = 'pending')
      and (select count(*) from opt_in o where o.email_hash = p.email_hash) < ${MOST_OPT_INS}
      and not ${isSuppressed(sql`p.email_hash`)}
    order by p.id limit ${MOST} for no key update skip locked`)
  const ids = `{${locked.rows.map(({ id }) => id).join(',')}}`
  // It repeats the last request for each.
  const found = await tx.execute<OptInOrder>(sql`
    select s.subscriber_id as "subscriberId", array_agg(s.id order by s.id) as "subscriptionIds",
      coalesce(jsonb_object_agg(s.id, w.schedule) filter (where w.schedule is not null), '{}') as choices
    from subscription s
    left join lateral (
      select n.payload -> 'preferences' -> s.id::text as schedule from notice n
      where n.subscriber_id = s.subscriber_id and n.kind = 'confirmation' and n.payload -> 'subscriptionIds' @> to_jsonb(s.id)
      order by n.id desc limit 1
    ) w on true join newsletter l on l.id = s.newsletter_id and l.state <> 'deleted'
    where s.subscriber_id = any(${ids}::bigint[]) and s.state = 'pending' and not ${isExpired(now)}
    group by s.subscriber_id order by s.subscriber_id`)
  return found.rows
}
