import { sql } from 'drizzle-orm'
import type { Clock, Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { findNewsletter, moveNewsletter, type Newsletter } from '../../newsletters/newsletters.ts'
import { skipSlots } from '../../newsletters/schedule/skip-slots.ts'
import { closeNewsletter, leaveReaders } from '../../subscribers/unsubscribe/close-newsletter.ts'
import { cancelEdition, lockCohorts } from './cancel.ts'
import { pauseEditions, resumeEditions } from './pause-resume.ts'

/** What became of a newsletter, and of its editions. */
type Suspended = { readonly newsletter: Newsletter; readonly editions: readonly number[] }

const REASON = 'the newsletter is paused'

/**
 * Lets nothing more of a newsletter be planned or sent; its open editions pause with it. Articles are collected and
 * readers may come and go as before.
 *
 * @throws CourantError `newsletter.unknown`, `newsletter.state`.
 */
export async function pauseNewsletter(db: Database, slug: string): Promise<Suspended> {
  return db.transaction(async (tx) => {
    const newsletter = await moveNewsletter(tx, slug, 'active', 'paused')
    await lockCohorts(tx, newsletter.id)
    return { newsletter, editions: await pauseEditions(tx, sql`newsletter_id = ${newsletter.id}`, REASON) }
  })
}

/**
 * Lets a paused newsletter go on: the editions paused with it are sent, and the next one comes at the next slot with all
 * that was collected meanwhile. Slots that passed are neither caught up nor missed.
 *
 * @throws CourantError `newsletter.unknown`, `newsletter.state`.
 */
export async function resumeNewsletter(db: Database, slug: string, now: Temporal.Instant): Promise<Suspended> {
  return db.transaction(async (tx) => {
    const newsletter = await moveNewsletter(tx, slug, 'paused', 'active')
    await skipSlots(tx, newsletter.id, now)
    const paused = sql`e.newsletter_id = ${newsletter.id} and e.state = 'paused' and e.reason = ${REASON}`
    return { newsletter, editions: await resumeEditions(tx, paused, now) }
  })
}

/** What deleting a newsletter would end: its subscriptions, and unsent deliveries. */
type Stake = { readonly newsletter: Newsletter; readonly readers: number; readonly unsent: number }

/** Reads what deleting a newsletter would end. @throws CourantError `newsletter.unknown`. */
export async function countAffected(db: Database, slug: string): Promise<Stake> {
  const newsletter = await findNewsletter(db, slug)
  const found = await db.execute<{ readers: number; unsent: number }>(sql`
    select (select count(*) from subscription where newsletter_id = ${newsletter.id} and state <> 'unsubscribed') as readers,
      coalesce(sum(to_seq - from_seq + 1 - sent - failed - suppressed - skipped - superseded - cancelled), 0) as unsent
    from batch where edition_id in (
      select id from edition where newsletter_id = ${newsletter.id} and state in ('planning', 'sending', 'paused', 'held'))`)
  return { newsletter, ...(found.rows[0] ?? { readers: 0, unsent: 0 }) }
}

/**
 * Deletes a newsletter: paused first, then its open editions are cancelled, then its readers leave, each with a consent
 * record; at the end it is gone from lists, sign-up and sending, and its slug is free. Articles, editions and evidence
 * stay. Cut short, it stays paused and can be deleted again.
 *
 * @throws CourantError `newsletter.unknown`, `edition.busy`.
 */
export async function deleteNewsletter(
  db: Database,
  slug: string,
  clock: Clock,
): Promise<Suspended & { readers: number }> {
  const found = await findNewsletter(db, slug)
  if (found.state === 'active') await pauseNewsletter(db, slug)
  const open = await db.execute<{ id: number }>(sql`
    select id from edition where newsletter_id = ${found.id} and state in ('planning', 'sending', 'paused', 'held') order by id`)
  const editions = open.rows.map(({ id }) => id)
  for (const id of editions) await cancelEdition(db, id, clock)
  const left = await leaveReaders(db, found.id, clock.now())
  const { newsletter, late } = await closeNewsletter(db, found.id, clock.now())
  return { newsletter, editions, readers: left + late }
}
