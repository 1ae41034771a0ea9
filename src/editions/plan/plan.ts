import { sql } from 'drizzle-orm'
import type { Clock, Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { retryTransient } from '../../db/transient.ts'
import { selectForGroups } from '../../digest/select.ts'
import { CourantError } from '../../errors.ts'
import {
  createEdition,
  type EditionIdentity,
  findByIdentity,
  findExistingEdition,
  finishEditions,
  lockOpenEdition,
  makeEditionIdentity,
  openOrphanedManual,
  openSending,
  type PlannedEdition,
  type PlanResult,
  reopenPlanning,
} from '../editions.ts'
import type { PlanRequest } from '../plan-request.ts'
import { BATCH_POLL_MS, lockOpenBatches, recallBatches, releaseRecall } from '../recall.ts'
import { readAudience, readSlices, readSubscriberRange, type Slice, setPlannerOptions } from './audience.ts'
import { advanceDueTimes, lockDueCohorts } from './due-times.ts'
import { moveWatermarks } from './watermarks.ts'
import { writeDeliveries } from './write-deliveries.ts'

/**
 * Plans an edition: selects for every reader what is new to them and writes edition, variants, deliveries and batches,
 * slice by slice, each in a transaction that also moves the watermarks and, for a slot, the due times. Planning again
 * (after a crash, with the same key, for a cohort added to a slot later) continues where it stopped and adds only what is
 * missing. For a slot whose edition was cancelled or missed only the due times move: its articles come with the next
 * slot. Transient failures are retried.
 *
 * @throws CourantError `plan.busy` when a worker does not give its batches back.
 */
export async function planEdition(db: Database, request: PlanRequest, clock: Clock): Promise<PlanResult> {
  const retry = <T>(work: () => Promise<T>) => retryTransient(clock, work)
  const known = await retry(() => findExistingEdition(db, request))
  if (request.slot === null && known !== null && known.state !== 'planning') return { edition: known, created: false }
  await retry(() => openOrphanedManual(db, request.newsletterId, known?.id ?? null, clock.now()))
  const identity = makeEditionIdentity()
  let plan: PlanResult = { edition: known, created: false }
  const recall = { asked: false }
  try {
    for (const slice of await retry(() => readSlices(db, request)))
      plan = await planSlice(db, request, identity, slice, plan, recall, clock)
  } finally {
    if (recall.asked) await retry(() => releaseRecall(db, request.newsletterId))
  }
  await retry(() => finishEditions(db, { newsletterId: request.newsletterId }, clock.now()))
  // A transaction whose reply was lost may have created it, after which there was nothing left to plan.
  const edition = plan.edition ?? (await retry(() => findByIdentity(db, identity)))
  if (edition === null) return plan
  const created = edition.publicId === identity.publicId
  return { edition: await retry(() => openSending(db, edition, clock.now())), created }
}

/** Batches are recalled only when a worker holds one: a slice with nothing to wait for disturbs no worker. */
async function planSlice(
  db: Database,
  request: PlanRequest,
  identity: EditionIdentity,
  slice: Slice,
  soFar: PlanResult,
  recall: { asked: boolean },
  clock: Clock,
): Promise<PlanResult> {
  const startMs = clock.monotonicMs()
  for (;;) {
    const planned = await retryTransient(clock, () =>
      db.transaction((tx) => tryPlanSlice(tx, request, identity, slice, soFar, clock.now())).catch(orConflict),
    )
    if (planned === 'conflict') continue
    if (planned !== 'busy') return planned
    if (clock.monotonicMs() - startMs > request.waitMs) throw busy()
    recall.asked = true
    await retryTransient(clock, () => recallBatches(db, request.newsletterId, clock.now()))
    await clock.sleep(BATCH_POLL_MS)
  }
}

/** Another planner has created the edition of this slot or key meanwhile: roll back, and select for that one. */
class EditionConflict extends Error {}

function orConflict(error: unknown): 'conflict' {
  if (error instanceof EditionConflict) return 'conflict'
  throw error
}

async function tryPlanSlice(
  tx: Database,
  request: PlanRequest,
  identity: EditionIdentity,
  slice: Slice,
  soFar: PlanResult,
  now: Temporal.Instant,
): Promise<PlanResult | 'busy'> {
  const locked = await lockDueCohorts(tx, request, slice.cohortIds)
  if (locked.cohorts.length === 0 || !(await isActive(tx, request.newsletterId))) return soFar
  if (!(await lockOpenBatches(tx, request.newsletterId, now))) return 'busy'
  const plan = await writeSlice(tx, request, identity, locked, soFar, now)
  if (request.slot !== null) await advanceDueTimes(tx, locked.cohorts, request.slot, now)
  return plan
}

/**
 * Whether the newsletter may be planned. It cannot be paused while its cohorts are locked; one that was paused just before
 * is left alone, since watermarks that move without an edition would lose their articles.
 */
async function isActive(tx: Database, newsletterId: number): Promise<boolean> {
  const rows = await tx.execute(sql`select from newsletter where id = ${newsletterId} and state = 'active'`)
  return rows.rows.length > 0
}

/** Plans one slice, in this order: the bound is read after the cohorts are locked, the entries after the bound. */
export async function writeSlice(
  tx: Database,
  request: PlanRequest,
  identity: EditionIdentity,
  slice: Slice,
  soFar: PlanResult,
  now: Temporal.Instant,
): Promise<PlanResult> {
  const known = await findKnown(tx, request, identity, soFar)
  if (known !== null && !(await mayAddTo(tx, request, known, soFar))) return { ...soFar, edition: known }
  const boundEntryId = known?.boundEntryId ?? (await readBound(tx, request.newsletterId))
  await setPlannerOptions(tx)
  const range = await readSubscriberRange(tx, request, slice)
  await readAudience(tx, request, slice, range, known?.id ?? null)
  const minArticles = request.slot === null ? 1 : request.minArticles
  const home = request.onlySubscriptionId === null && slice.home
  await selectForGroups(tx, { newsletterId: request.newsletterId, boundEntryId, minArticles }, home)
  const edition = known ?? (await createEdition(tx, request, boundEntryId, identity, now))
  if (edition === 'conflict') throw new EditionConflict()
  if (edition !== null) {
    await reopenPlanning(tx, edition.id)
    await writeDeliveries(tx, edition.id, now)
  }
  await moveWatermarks(tx, slice, range, request, boundEntryId)
  return { edition, created: known === null && edition !== null ? true : soFar.created }
}

/**
 * The edition to add to: another planner of the slot or key may have created it since the last slice, or this one in a
 * transaction whose reply was lost.
 */
async function findKnown(
  tx: Database,
  request: PlanRequest,
  identity: EditionIdentity,
  soFar: PlanResult,
): Promise<PlannedEdition | null> {
  if (request.slot !== null || request.key !== null) return findExistingEdition(tx, request)
  return soFar.edition ?? (await findByIdentity(tx, identity))
}

/** A cancelled or missed edition is closed; a manual edition of another planner is not added to once it is planned. */
async function mayAddTo(
  tx: Database,
  request: PlanRequest,
  known: PlannedEdition,
  soFar: PlanResult,
): Promise<boolean> {
  if (request.slot === null && known.state !== 'planning' && known.id !== soFar.edition?.id) return false
  return lockOpenEdition(tx, known.id)
}

async function readBound(tx: Database, newsletterId: number): Promise<number> {
  const rows = await tx.execute<{ bound: number }>(
    sql`select coalesce(max(id), 0) as bound from entry where newsletter_id = ${newsletterId}`,
  )
  return rows.rows[0]?.bound ?? 0
}

const busy = () =>
  new CourantError('plan.busy', {
    what: 'An earlier edition of this newsletter is still being sent.',
    why: 'A worker did not give its batch back in time.',
    todo: 'Run the command again; "courant edition list" shows what is being sent.',
  })
