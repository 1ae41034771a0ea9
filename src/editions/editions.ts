import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { toBase32 } from '../mail/mime/base32.ts'
import type { PlanRequest } from './plan-request.ts'
import { ensurePartition } from './retention/make-partitions.ts'

/** An edition as planning knows it. */
export type PlannedEdition = {
  readonly id: number
  readonly publicId: string
  readonly state: string
  readonly boundEntryId: number
}

/** What planning made or found; no edition when nothing is new to anybody. `created`: by this very call. */
export type PlanResult = { readonly edition: PlannedEdition | null; readonly created: boolean }

type EditionRow = { id: number; public_id: string; state: string; bound_entry_id: number }

const COLUMNS = sql`id, public_id, state, bound_entry_id`

/** What an edition is called before it is made, so that a planner knows its own again when an answer was lost. */
export type EditionIdentity = { readonly publicId: string; readonly nonce: Buffer }

/** Names for one edition more. */
export const makeEditionIdentity = (): EditionIdentity => ({
  publicId: toBase32(randomBytes(10)),
  nonce: randomBytes(32),
})

/** The edition of these names, if it was made. */
export async function findByIdentity(db: Database, { publicId }: EditionIdentity): Promise<PlannedEdition | null> {
  const rows = await db.execute<EditionRow>(sql`select ${COLUMNS} from edition where public_id = ${publicId}`)
  return read(rows.rows[0])
}

/** The edition this order made before: by its slot or key, or an unkeyed one whose planner died. */
export async function findExistingEdition(db: Database, order: PlanRequest): Promise<PlannedEdition | null> {
  const same =
    order.slot !== null
      ? sql`frequency = ${order.slot.frequency} and slot_at = ${order.slot.at.toString()}`
      : order.key !== null
        ? sql`key = ${order.key}`
        : sql`key is null and slot_at is null and state = 'planning' and only_subscription_id is not distinct from ${order.onlySubscriptionId}::bigint`
  const rows = await db.execute<EditionRow>(sql`
    select ${COLUMNS} from edition where newsletter_id = ${order.newsletterId} and ${same} order by id desc limit 1`)
  return read(rows.rows[0])
}

/**
 * Makes the edition if anything was selected for anybody and the newsletter was not paused meanwhile; null where not.
 * `overtaken` when there is one for the same slot or key by now, for which nothing was selected yet.
 */
export async function createEdition(
  tx: Database,
  order: PlanRequest,
  boundEntryId: number,
  { publicId, nonce }: EditionIdentity,
  now: Temporal.Instant,
): Promise<PlannedEdition | 'overtaken' | null> {
  const made = await tx.execute<EditionRow>(sql`
    insert into edition
      (public_id, newsletter_id, frequency, slot_at, key, only_subscription_id, state, bound_entry_id, nonce, created_at, intro)
    select ${publicId}, n.id, ${order.slot?.frequency ?? null}, ${order.slot?.at.toString() ?? null}, ${order.key},
      ${order.onlySubscriptionId}, 'planning', ${boundEntryId}, ${nonce}, ${now.toString()}, n.intro
    from newsletter n
    where n.id = ${order.newsletterId} and n.state = 'active' and exists (select from planned_selection where enough)
    on conflict do nothing
    returning ${COLUMNS}`)
  const edition = read(made.rows[0])
  if (edition !== null) {
    await ensurePartition(tx, edition.id)
    return edition
  }
  if (order.slot === null && order.key === null) return null
  return (await findExistingEdition(tx, order)) === null ? null : 'overtaken'
}

/** Opens a planned edition to the workers, with its counts; one without deliveries is finished at once. */
export async function openSending(
  db: Database,
  edition: PlannedEdition,
  now: Temporal.Instant,
): Promise<PlannedEdition> {
  const rows = await db.execute<EditionRow>(sql`
    update edition set
      state = case when exists (select from batch where edition_id = edition.id and due_at is not null)
        then 'sending' else 'finished' end,
      finished_at = case when exists (select from batch where edition_id = edition.id and due_at is not null)
        then null else ${now.toString()}::timestamptz end,
      planned_at = ${now.toString()},
      home = exists (select from variant where edition_id = edition.id and home),
      article_count = (select count(*) from edition_article where edition_id = edition.id),
      variant_count = (select count(*) from variant where edition_id = edition.id)
    where id = ${edition.id} and state = 'planning'
    returning ${COLUMNS}`)
  return read(rows.rows[0]) ?? (await readEdition(db, edition.id)) ?? edition
}

async function readEdition(db: Database, editionId: number): Promise<PlannedEdition | null> {
  const rows = await db.execute<EditionRow>(sql`select ${COLUMNS} from edition where id = ${editionId}`)
  return read(rows.rows[0])
}

/** Locks the edition and says whether it may still be added to: a cancelled or missed one is closed. */
export async function lockOpenEdition(tx: Database, editionId: number): Promise<boolean> {
  const rows = await tx.execute(sql`
    select from edition where id = ${editionId} and state not in ('cancelled', 'missed') for update`)
  return rows.rows.length > 0
}

/** Holds the edition open while what was selected for another slice is written, unless it is paused or held. */
export async function reopenPlanning(tx: Database, editionId: number): Promise<void> {
  await tx.execute(sql`
    update edition set state = 'planning', finished_at = null
    where id = ${editionId} and state in ('planning', 'sending', 'finished')
      and exists (select from planned_selection where enough)`)
}

/**
 * Opens to the workers what planners that died left of other sendings by hand; the readers they had not reached are in
 * the next plan.
 */
export async function openOrphanedManual(
  db: Database,
  newsletterId: number,
  exceptId: number | null,
  now: Temporal.Instant,
): Promise<void> {
  const rows = await db.execute<EditionRow>(sql`
    select ${COLUMNS} from edition
    where newsletter_id = ${newsletterId} and state = 'planning' and slot_at is null and id is distinct from ${exceptId}::bigint
    order by id`)
  for (const row of rows.rows) {
    const orphan = read(row)
    if (orphan !== null) await openSending(db, orphan, now)
  }
}

/**
 * Opens to the workers what other planners left when they died: editions of slots whose cohorts have all moved on, and
 * sendings by hand of `before` or earlier; of newsletters that are active. Returns how many.
 */
export async function openAbandoned(db: Database, before: Temporal.Instant, now: Temporal.Instant): Promise<number> {
  const rows = await db.execute<EditionRow>(sql`
    select e.id, e.public_id, e.state, e.bound_entry_id from edition e
    where e.state = 'planning' and exists (select from newsletter n where n.id = e.newsletter_id and n.state = 'active')
      and case when e.slot_at is null then e.created_at <= ${before.toString()} else not exists (
        select from cohort c
        where c.newsletter_id = e.newsletter_id and c.frequency = e.frequency and c.next_due_at <= e.slot_at
      ) end
    order by e.id limit 1000`)
  for (const row of rows.rows) {
    const abandoned = read(row)
    if (abandoned !== null) await openSending(db, abandoned, now)
  }
  return rows.rows.length
}

/**
 * Finishes each edition that is sending and has no batch that is due any more: of all newsletters, of one, or one edition
 * alone.
 */
export async function finishEditions(
  db: Database,
  {
    newsletterId = null,
    editionId = null,
  }: { readonly newsletterId?: number | null; readonly editionId?: number | null },
  now: Temporal.Instant,
): Promise<void> {
  await db.execute(sql`
    update edition e set state = 'finished', finished_at = ${now.toString()}
    where state = 'sending' and (${editionId}::bigint is null or id = ${editionId})
      and (${newsletterId}::bigint is null or newsletter_id = ${newsletterId})
      and not exists (select from batch where edition_id = e.id and due_at is not null)`)
}

function read(row: EditionRow | undefined): PlannedEdition | null {
  if (row === undefined) return null
  return { id: row.id, publicId: row.public_id, state: row.state, boundEntryId: row.bound_entry_id }
}
