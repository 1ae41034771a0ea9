import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { plannedSelection } from '../digest/planning-tables.ts'
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

/** The edition that planning created or found, null when no reader has anything new; `created` by this very call. */
export type PlanResult = { readonly edition: PlannedEdition | null; readonly created: boolean }

type EditionRow = { id: number; public_id: string; state: string; bound_entry_id: number }

const COLUMNS = sql`id, public_id, state, bound_entry_id`

const isAnythingSelected = sql`exists (select from ${plannedSelection} where ${plannedSelection.enough})`

/** An edition's random ids, chosen before it is created, so that a planner recognises its own when a reply was lost. */
export type EditionIdentity = { readonly publicId: string; readonly nonce: Buffer }

/** Chooses the random ids of a new edition. */
export const makeEditionIdentity = (): EditionIdentity => ({
  publicId: toBase32(randomBytes(10)),
  nonce: randomBytes(32),
})

/** Finds the edition with these ids, if it was created. */
export async function findByIdentity(db: Database, { publicId }: EditionIdentity): Promise<PlannedEdition | null> {
  const rows = await db.execute<EditionRow>(sql`select ${COLUMNS} from edition where public_id = ${publicId}`)
  return toEdition(rows.rows[0])
}

/** Finds the edition that this request created before: by its slot or key, or one without key whose planner died. */
export async function findExistingEdition(db: Database, request: PlanRequest): Promise<PlannedEdition | null> {
  const same =
    request.slot !== null
      ? sql`frequency = ${request.slot.frequency} and slot_at = ${request.slot.at.toString()}`
      : request.key !== null
        ? sql`key = ${request.key}`
        : sql`key is null and slot_at is null and state = 'planning' and only_subscription_id is not distinct from ${request.onlySubscriptionId}::bigint`
  const rows = await db.execute<EditionRow>(sql`
    select ${COLUMNS} from edition where newsletter_id = ${request.newsletterId} and ${same} order by id desc limit 1`)
  return toEdition(rows.rows[0])
}

/**
 * Creates the edition if anything was selected and the newsletter was not paused meanwhile, else returns null. `conflict`
 * when there is one for the same slot or key by now, for which nothing was selected yet.
 */
export async function createEdition(
  tx: Database,
  request: PlanRequest,
  boundEntryId: number,
  { publicId, nonce }: EditionIdentity,
  now: Temporal.Instant,
): Promise<PlannedEdition | 'conflict' | null> {
  const created = await tx.execute<EditionRow>(sql`
    insert into edition
      (public_id, newsletter_id, frequency, slot_at, key, only_subscription_id, state, bound_entry_id, nonce, created_at, intro)
    select ${publicId}, n.id, ${request.slot?.frequency ?? null}, ${request.slot?.at.toString() ?? null}, ${request.key},
      ${request.onlySubscriptionId}, 'planning', ${boundEntryId}, ${nonce}, ${now.toString()}, n.intro
    from newsletter n
    where n.id = ${request.newsletterId} and n.state = 'active' and ${isAnythingSelected}
    on conflict do nothing
    returning ${COLUMNS}`)
  const edition = toEdition(created.rows[0])
  if (edition !== null) {
    await ensurePartition(tx, edition.id)
    return edition
  }
  if (request.slot === null && request.key === null) return null
  return (await findExistingEdition(tx, request)) === null ? null : 'conflict'
}

/** Lets the workers send a planned edition, and stores its counts; one without deliveries is finished at once. */
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
  return toEdition(rows.rows[0]) ?? (await rereadEdition(db, edition.id)) ?? edition
}

async function rereadEdition(db: Database, editionId: number): Promise<PlannedEdition | null> {
  const rows = await db.execute<EditionRow>(sql`select ${COLUMNS} from edition where id = ${editionId}`)
  return toEdition(rows.rows[0])
}

/** Locks the edition, and returns whether it may still be added to: a cancelled or missed one is closed. */
export async function lockOpenEdition(tx: Database, editionId: number): Promise<boolean> {
  const rows = await tx.execute(sql`
    select from edition where id = ${editionId} and state not in ('cancelled', 'missed') for update`)
  return rows.rows.length > 0
}

/** Puts the edition back into `planning` while another slice is written, unless it is paused or held. */
export async function reopenPlanning(tx: Database, editionId: number): Promise<void> {
  await tx.execute(sql`
    update edition set state = 'planning', finished_at = null
    where id = ${editionId} and state in ('planning', 'sending', 'finished')
      and ${isAnythingSelected}`)
}

/**
 * Lets the workers send the newsletter's other manual editions whose planners died; the readers that were not planned are
 * in the next plan.
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
    const orphan = toEdition(row)
    if (orphan !== null) await openSending(db, orphan, now)
  }
}

/**
 * Lets the workers send what planners left when they died: editions of slots that all cohorts have moved past, and manual
 * editions from `before` or earlier; of active newsletters. Returns how many.
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
    const abandoned = toEdition(row)
    if (abandoned !== null) await openSending(db, abandoned, now)
  }
  return rows.rows.length
}

/** Finishes editions that are sending and have no batch left that is due: of all newsletters, of one, or a single one. */
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

function toEdition(row: EditionRow | undefined): PlannedEdition | null {
  if (row === undefined) return null
  return { id: row.id, publicId: row.public_id, state: row.state, boundEntryId: row.bound_entry_id }
}
