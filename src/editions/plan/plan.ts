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
import { lockOpenBatches, recallBatches, releaseRecall } from '../recall.ts'
import { readAudience, readSlices, readSubscriberRange, type Slice } from './audience.ts'
import { advanceDueTimes, lockDueCohorts } from './due-times.ts'
import { setPlannerOptions } from './planner-options.ts'
import { moveWatermarks } from './watermarks.ts'
import { writeDeliveries } from './write-deliveries.ts'

const ASK_AGAIN_MS = 50

/**
 * Plans an edition: selects for every reader what is new to them and writes edition, variants, deliveries and batches,
 * slice by slice, each a transaction that also moves the watermarks and, for a slot, the due times. Planning again (after
 * a crash, with the same key, for a cohort that comes late to its slot) goes on where it stopped and adds only what is
 * missing. A slot whose edition was cancelled or missed is only passed: its articles come with the next. What fails for a
 * reason that may pass is repeated.
 *
 * @throws CourantError `plan.busy` when a worker does not give its batches back.
 */
export async function planEdition(db: Database, order: PlanRequest, clock: Clock): Promise<PlanResult> {
  const repeat = <T>(work: () => Promise<T>) => retryTransient(clock, work)
  const known = await repeat(() => findExistingEdition(db, order))
  if (order.slot === null && known !== null && known.state !== 'planning') return { edition: known, created: false }
  await repeat(() => openOrphanedManual(db, order.newsletterId, known?.id ?? null, clock.now()))
  const names = makeEditionIdentity()
  let plan: PlanResult = { edition: known, created: false }
  const recall = { asked: false }
  try {
    for (const slice of await repeat(() => readSlices(db, order)))
      plan = await planSlice(db, order, names, slice, plan, recall, clock)
  } finally {
    if (recall.asked) await repeat(() => releaseRecall(db, order.newsletterId))
  }
  await repeat(() => finishEditions(db, { newsletterId: order.newsletterId }, clock.now()))
  // Made by a transaction whose answer was lost, after which there was nothing left to plan.
  const edition = plan.edition ?? (await repeat(() => findByIdentity(db, names)))
  if (edition === null) return plan
  const created = edition.publicId === names.publicId
  return { edition: await repeat(() => openSending(db, edition, clock.now())), created }
}

/** Batches are recalled only when a worker holds one: a slice with nothing to wait for disturbs nobody. */
async function planSlice(
  db: Database,
  order: PlanRequest,
  names: EditionIdentity,
  slice: Slice,
  soFar: PlanResult,
  recall: { asked: boolean },
  clock: Clock,
): Promise<PlanResult> {
  const startMs = clock.monotonicMs()
  for (;;) {
    const planned = await retryTransient(clock, () =>
      db.transaction((tx) => tryPlanning(tx, order, names, slice, soFar, clock.now())).catch(orOvertaken),
    )
    if (planned === 'overtaken') continue
    if (planned !== 'busy') return planned
    if (clock.monotonicMs() - startMs > order.waitMs) throw busy()
    recall.asked = true
    await retryTransient(clock, () => recallBatches(db, order.newsletterId, clock.now()))
    await clock.sleep(ASK_AGAIN_MS)
  }
}

/** Another planner made the edition of this slot or key meanwhile: undo all, and select for that one. */
class Overtaken extends Error {}

function orOvertaken(error: unknown): 'overtaken' {
  if (error instanceof Overtaken) return 'overtaken'
  throw error
}

async function tryPlanning(
  tx: Database,
  order: PlanRequest,
  names: EditionIdentity,
  slice: Slice,
  soFar: PlanResult,
  now: Temporal.Instant,
): Promise<PlanResult | 'busy'> {
  const locked = await lockDueCohorts(tx, order, slice.cohortIds)
  if (locked.cohorts.length === 0 || !(await isActive(tx, order.newsletterId))) return soFar
  if (!(await lockOpenBatches(tx, order.newsletterId, now))) return 'busy'
  const plan = await writeSlice(tx, order, names, locked, soFar, now)
  if (order.slot !== null) await advanceDueTimes(tx, locked.cohorts, order.slot, now)
  return plan
}

/**
 * Whether the newsletter may be planned. With its cohorts locked nobody pauses it any more; one that was paused just before
 * is left as it is, since watermarks that move without an edition would lose their articles.
 */
async function isActive(tx: Database, newsletterId: number): Promise<boolean> {
  const rows = await tx.execute(sql`select from newsletter where id = ${newsletterId} and state = 'active'`)
  return rows.rows.length > 0
}

/** Statement by statement: the bound is read after the cohorts are locked, the entries after the bound. */
export async function writeSlice(
  tx: Database,
  order: PlanRequest,
  names: EditionIdentity,
  slice: Slice,
  soFar: PlanResult,
  now: Temporal.Instant,
): Promise<PlanResult> {
  const known = await findKnown(tx, order, names, soFar)
  if (known !== null && !(await mayAddTo(tx, order, known, soFar))) return { ...soFar, edition: known }
  const boundEntryId = known?.boundEntryId ?? (await readBound(tx, order.newsletterId))
  await setPlannerOptions(tx)
  const span = await readSubscriberRange(tx, order, slice)
  await readAudience(tx, order, slice, span, known?.id ?? null)
  const minArticles = order.slot === null ? 1 : order.minArticles
  const home = order.onlySubscriptionId === null && slice.home
  await selectForGroups(tx, { newsletterId: order.newsletterId, boundEntryId, minArticles }, home)
  const edition = known ?? (await createEdition(tx, order, boundEntryId, names, now))
  if (edition === 'overtaken') throw new Overtaken()
  if (edition !== null) {
    await reopenPlanning(tx, edition.id)
    await writeDeliveries(tx, edition.id, now)
  }
  await moveWatermarks(tx, slice, span, order, boundEntryId)
  return { edition, created: known === null && edition !== null ? true : soFar.created }
}

/** The edition to add to: another planner of the slot or key may have made it since the last slice, or this one by a lost answer. */
async function findKnown(
  tx: Database,
  order: PlanRequest,
  names: EditionIdentity,
  soFar: PlanResult,
): Promise<PlannedEdition | null> {
  if (order.slot !== null || order.key !== null) return findExistingEdition(tx, order)
  return soFar.edition ?? (await findByIdentity(tx, names))
}

/** A cancelled or missed edition is closed; one that another planner has sent by hand is not added to once it is planned. */
async function mayAddTo(tx: Database, order: PlanRequest, known: PlannedEdition, soFar: PlanResult): Promise<boolean> {
  if (order.slot === null && known.state !== 'planning' && known.id !== soFar.edition?.id) return false
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
