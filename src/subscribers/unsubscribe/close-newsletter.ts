import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { type Newsletter, readNewsletter } from '../../newsletters/newsletters.ts'
import { lockCohortsForShare } from '../../newsletters/schedule/lock-cohorts.ts'

/** Subscriptions that leave in one transaction. */
const READERS_A_SLICE = 20_000
const EVIDENCE = 'The newsletter was deleted by its publisher.'

/** Lets all of a newsletter's readers leave, since it ends, each with a consent record; returns how many. */
export async function unsubscribeAll(db: Database, newsletterId: number, now: Temporal.Instant): Promise<number> {
  let total = 0
  for (let after = 0; ; ) {
    const slice = await db.transaction((tx) => unsubscribeSlice(tx, newsletterId, after, now))
    total += slice.left
    if (slice.last === null) return total
    after = slice.last
  }
}

async function unsubscribeSlice(
  tx: Database,
  newsletterId: number,
  afterSubscriberId: number,
  now: Temporal.Instant,
): Promise<{ left: number; last: number | null }> {
  await lockCohortsForShare(tx, sql`newsletter_id = ${newsletterId}`)
  const left = await tx.execute<{ left: number; last: number | null }>(sql`
    with chosen as (
      select id from subscription
      where newsletter_id = ${newsletterId} and subscriber_id > ${afterSubscriberId} and state <> 'unsubscribed'
      order by subscriber_id limit ${READERS_A_SLICE} for update
    ), gone as (
      update subscription s set state = 'unsubscribed', unsubscribed_at = ${now.toString()}, paused_until = null
      from chosen where s.id = chosen.id
      returning s.id, s.subscriber_id
    ), proven as (
      insert into consent_record (subscriber_id, subscription_id, newsletter_id, email_hash, action, evidence, at)
      select p.id, g.id, ${newsletterId}, p.email_hash, 'unsubscribed', ${EVIDENCE}, ${now.toString()}
      from gone g join subscriber p on p.id = g.subscriber_id
      order by g.id
    )
    select count(*) as left, max(subscriber_id) as last from gone`)
  return left.rows[0] ?? { left: 0, last: null }
}

/**
 * Marks a newsletter whose readers have left as deleted, together with those who came at the last moment (`late`), and
 * frees its slug.
 */
export async function closeNewsletter(
  db: Database,
  newsletterId: number,
  now: Temporal.Instant,
): Promise<{ readonly newsletter: Newsletter; readonly late: number }> {
  return db.transaction(async (tx) => {
    const newsletter = await readNewsletter(tx, newsletterId)
    // Whoever signs up holds a cohort: from here on nobody does.
    const { left } = await unsubscribeSlice(tx, newsletterId, 0, now)
    // A tilde is in no slug that can be chosen.
    await tx.execute(sql`
      update newsletter set state = 'deleted', slug = slug || '~' || id where id = ${newsletterId} and state <> 'deleted'`)
    return { newsletter: { ...newsletter, state: 'deleted' }, late: left }
  })
}
