import { sql } from 'drizzle-orm'
import type { Clock, Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { openStates, unsentCount } from '../../db/sql.ts'
import { findNewsletter, moveNewsletter, type Newsletter } from '../../newsletters/newsletters.ts'
import { skipSlots } from '../../newsletters/schedule/home-cohort.ts'
import { lockCohortsForNoKeyUpdate } from '../../newsletters/schedule/lock-cohorts.ts'
import { closeNewsletter, unsubscribeAll } from '../../subscribers/unsubscribe/close-newsletter.ts'
import { cancelEdition } from './cancel.ts'
import { pauseEditions, resumeEditions } from './pause-resume.ts'

/** A newsletter after a change of its state, and the editions that changed with it. */
type NewsletterChange = { readonly newsletter: Newsletter; readonly editions: readonly number[] }

const REASON = 'the newsletter is paused'

/**
 * Pauses a newsletter: nothing more of it is planned or sent, and its open editions pause with it. Articles are collected,
 * and readers sign up and unsubscribe as before.
 *
 * @throws CourantError `newsletter.unknown`, `newsletter.state`.
 */
export async function pauseNewsletter(db: Database, slug: string): Promise<NewsletterChange> {
  return db.transaction(async (tx) => {
    const newsletter = await moveNewsletter(tx, slug, 'active', 'paused')
    await lockCohortsForNoKeyUpdate(tx, sql`newsletter_id = ${newsletter.id}`)
    return { newsletter, editions: await pauseEditions(tx, sql`newsletter_id = ${newsletter.id}`, REASON) }
  })
}

/**
 * Resumes a paused newsletter: the editions paused with it are sent, and the next one comes at the next slot with all that
 * was collected meanwhile. Slots that passed are neither made up for nor recorded as missed.
 *
 * @throws CourantError `newsletter.unknown`, `newsletter.state`.
 */
export async function resumeNewsletter(db: Database, slug: string, now: Temporal.Instant): Promise<NewsletterChange> {
  return db.transaction(async (tx) => {
    const newsletter = await moveNewsletter(tx, slug, 'paused', 'active')
    await skipSlots(tx, newsletter.id, now)
    const paused = sql`e.newsletter_id = ${newsletter.id} and e.state = 'paused' and e.reason = ${REASON}`
    return { newsletter, editions: await resumeEditions(tx, paused, now) }
  })
}

/** What deleting a newsletter would end: its subscriptions and unsent deliveries. */
type AffectedByDeletion = { readonly newsletter: Newsletter; readonly readers: number; readonly unsent: number }

/** Counts what deleting a newsletter would end. @throws CourantError `newsletter.unknown`. */
export async function countAffected(db: Database, slug: string): Promise<AffectedByDeletion> {
  const newsletter = await findNewsletter(db, slug)
  const found = await db.execute<{ readers: number; unsent: number }>(sql`
    select (select count(*) from subscription where newsletter_id = ${newsletter.id} and state <> 'unsubscribed') as readers,
      coalesce(sum(${unsentCount}), 0) as unsent
    from batch b where b.edition_id in (
      select id from edition where newsletter_id = ${newsletter.id} and state in ${openStates})`)
  return { newsletter, ...(found.rows[0] ?? { readers: 0, unsent: 0 }) }
}

/**
 * Deletes a newsletter: pauses it, cancels its open editions, and unsubscribes its readers, each with a consent record; at
 * the end it is gone from lists, sign-up and sending, and its slug is free. Articles, editions and evidence stay. If
 * interrupted, it stays paused and can be deleted again.
 *
 * @throws CourantError `newsletter.unknown`, `edition.busy`.
 */
export async function deleteNewsletter(
  db: Database,
  slug: string,
  clock: Clock,
): Promise<NewsletterChange & { readers: number }> {
  const found = await findNewsletter(db, slug)
  if (found.state === 'active') await pauseNewsletter(db, slug)
  const open = await db.execute<{ id: number }>(sql`
    select id from edition where newsletter_id = ${found.id} and state in ${openStates} order by id`)
  const editions = open.rows.map(({ id }) => id)
  for (const id of editions) await cancelEdition(db, id, clock)
  const unsubscribed = await unsubscribeAll(db, found.id, clock.now())
  const { newsletter, late } = await closeNewsletter(db, found.id, clock.now())
  return { newsletter, editions, readers: unsubscribed + late }
}
