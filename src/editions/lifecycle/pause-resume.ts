import { type SQL, sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { CourantError } from '../../errors.ts'

type Transition = 'paused' | 'resumed' | 'cancelled'

/** The states from which each transition is allowed, in words. */
const ALLOWED_FROM: Readonly<Record<Transition, string>> = {
  paused: 'Only an edition that is being planned or sent can be paused.',
  resumed: 'Only an edition that is paused or held can be resumed.',
  cancelled: 'Only an edition that is not finished can be cancelled.',
}

/**
 * Pauses an edition until it is resumed: workers finish the messages on the wire and claim nothing more. One that is still
 * being planned is planned to its end.
 *
 * @throws CourantError `edition.unknown`, `edition.state`.
 */
export async function pauseEdition(db: Database, editionId: number): Promise<void> {
  const moved = await pauseEditions(db, sql`id = ${editionId}`, null)
  if (moved.length === 0) throw await transitionError(db, editionId, 'paused')
}

/** Pauses those of the editions that are being planned or sent, and records why; returns their ids. */
export async function pauseEditions(db: Database, which: SQL, reason: string | null): Promise<readonly number[]> {
  const moved = await db.execute<{ id: number }>(sql`
    update edition set state = 'paused', reason = ${reason}
    where ${which} and state in ('planning', 'sending') returning id`)
  return moved.rows.map(({ id }) => id)
}

/**
 * Lets the workers send a paused edition again, or a held one whose template was fixed; it is `finished` when it has
 * nothing left to send. With `acceptsRejections` permanent rejections count from now on, however many readers they concern.
 *
 * @throws CourantError `edition.unknown`, `edition.state`, `newsletter.paused`.
 */
export async function resumeEdition(
  db: Database,
  editionId: number,
  now: Temporal.Instant,
  acceptsRejections = false,
): Promise<void> {
  const moved = await db.transaction(async (tx) => {
    const resumed = await resumeEditions(tx, sql`e.id = ${editionId} and e.state in ('paused', 'held')`, now)
    if (acceptsRejections && resumed.length > 0)
      await tx.execute(sql`update edition set accepts_rejections = true where id = ${editionId}`)
    return resumed
  })
  if (moved.length === 0) throw await transitionError(db, editionId, 'resumed')
}

/** Resumes those of the editions `e` whose newsletters are not paused themselves; returns their ids. */
export async function resumeEditions(db: Database, which: SQL, now: Temporal.Instant): Promise<readonly number[]> {
  const hasUnsent = sql`exists (select from batch b where b.edition_id = e.id and b.due_at is not null)`
  const moved = await db.execute<{ id: number }>(sql`
    update edition e set
      state = case when ${hasUnsent} then 'sending' else 'finished' end,
      finished_at = case when ${hasUnsent} then null else ${now.toString()}::timestamptz end,
      reason = null, home = ${hasHomeVariant}, ${setContents(now)}
    where ${which} and exists (select from newsletter n where n.id = e.newsletter_id and n.state = 'active')
    returning e.id`)
  return moved.rows.map(({ id }) => id)
}

/** Whether edition `e` has a selection of the home cohort. */
export const hasHomeVariant = sql`exists (select from variant v where v.edition_id = e.id and v.home)`

/** Sets what planning records of edition `e` at its end, also where it was paused before that. */
export const setContents = (now: Temporal.Instant) => sql`
  planned_at = coalesce(e.planned_at, ${now.toString()}::timestamptz),
  article_count = (select count(*) from edition_article a where a.edition_id = e.id),
  variant_count = (select count(*) from variant v where v.edition_id = e.id)`

/** Makes the error for a transition that an edition's state does not allow. */
export async function transitionError(db: Database, editionId: number, transition: Transition): Promise<CourantError> {
  const found = await db.execute<{ state: string; slug: string; newsletter: string }>(sql`
    select e.state, n.slug, n.state as newsletter from edition e join newsletter n on n.id = e.newsletter_id
    where e.id = ${editionId}`)
  const row = found.rows[0]
  if (row === undefined)
    return new CourantError('edition.unknown', {
      what: `There is no edition ${editionId}.`,
      todo: '"courant edition list" shows all editions.',
    })
  if (transition === 'resumed' && row.newsletter === 'paused' && ['paused', 'held'].includes(row.state))
    return new CourantError('newsletter.paused', {
      what: `Edition ${editionId} cannot be resumed.`,
      why: `Its newsletter ${row.slug} is paused.`,
      todo: `Run "courant newsletter resume ${row.slug}".`,
    })
  return new CourantError('edition.state', {
    what: `Edition ${editionId} is ${row.state === 'planning' ? 'being planned' : row.state}.`,
    why: ALLOWED_FROM[transition],
    todo: `"courant edition show ${editionId}" shows details.`,
  })
}
