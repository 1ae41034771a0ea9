import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Clock, Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { selectForGroups } from '../digest/select.ts'
import { CourantError } from '../errors.ts'
import { toBase32 } from '../mail/encoding/base32.ts'
import {
  adoptOrphans,
  findPlanning,
  finishEditions,
  lockOpenEdition,
  makeEdition,
  openSending,
  type Plan,
  reopenPlanning,
} from './edition.ts'
import { readAudience, readSlices, readSpan, type Slice } from './plan/audience.ts'
import { lockCohorts, moveDueTimes } from './plan/cohorts.ts'
import { guidePlanner } from './plan/guide.ts'
import type { PlanOrder } from './plan/order.ts'
import { moveWatermarks } from './plan/watermark.ts'
import { writeDeliveries } from './plan/write.ts'
import { lockOpenShares, recallShares, releaseRecall } from './recall.ts'

const ASK_AGAIN_MS = 50

/**
 * Plans an edition: selects for every reader what is new to them and writes edition, variants, deliveries and shares,
 * slice by slice, each a transaction that also moves the watermarks and, for a slot, the due times. Planning again (after
 * a crash, with the same key, for a cohort that comes late to its slot) goes on where it stopped and adds only what is
 * missing. A slot whose edition was cancelled or missed is only passed: its articles come with the next.
 *
 * @throws CourantError `plan.busy` when a worker does not give its shares back.
 */
export async function planEdition(db: Database, order: PlanOrder, clock: Clock): Promise<Plan> {
  const known = await findPlanning(db, order)
  if (order.slot === null && known !== null && known.state !== 'planning') return { edition: known, created: false }
  await adoptOrphans(db, order.newsletterId, known?.id ?? null, clock.now())
  let plan: Plan = { edition: known, created: false }
  const recall = { asked: false }
  try {
    for (const slice of await readSlices(db, order)) plan = await planSlice(db, order, slice, plan, recall, clock)
  } finally {
    if (recall.asked) await releaseRecall(db, order.newsletterId)
  }
  await finishEditions(db, { newsletterId: order.newsletterId }, clock.now())
  if (plan.edition === null) return plan
  return { edition: await openSending(db, plan.edition, clock.now()), created: plan.created }
}

/** Shares are recalled only when a worker holds one: a slice with nothing to wait for disturbs nobody. */
async function planSlice(
  db: Database,
  order: PlanOrder,
  slice: Slice,
  soFar: Plan,
  recall: { asked: boolean },
  clock: Clock,
): Promise<Plan> {
  const startMs = clock.monotonicMs()
  for (;;) {
    const planned = await db.transaction(async (tx) => {
      const now = clock.now()
      const locked = await lockCohorts(tx, order, slice.cohortIds)
      if (locked.cohorts.length === 0 || !(await isActive(tx, order.newsletterId))) return soFar
      if (!(await lockOpenShares(tx, order.newsletterId, now))) return 'busy'
      const plan = await writeSlice(tx, order, locked, soFar, now)
      if (order.slot !== null) await moveDueTimes(tx, locked.cohorts, order.slot, now)
      return plan
    })
    if (planned !== 'busy') return planned
    if (clock.monotonicMs() - startMs > order.waitMs) throw busy()
    recall.asked = true
    await recallShares(db, order.newsletterId, clock.now())
    await clock.sleep(ASK_AGAIN_MS)
  }
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
  order: PlanOrder,
  slice: Slice,
  soFar: Plan,
  now: Temporal.Instant,
): Promise<Plan> {
  // Another planner of the slot may have made its edition since the last slice.
  const known = order.slot === null ? soFar.edition : await findPlanning(tx, order)
  if (known !== null && !(await lockOpenEdition(tx, known.id))) return { ...soFar, edition: known }
  const boundEntryId = known?.boundEntryId ?? (await readBound(tx, order.newsletterId))
  await guidePlanner(tx)
  const span = await readSpan(tx, order, slice)
  await readAudience(tx, order, slice, span, known?.id ?? null)
  const minArticles = order.slot === null ? 1 : order.minArticles
  const home = order.onlySubscriptionId === null && slice.home
  await selectForGroups(tx, { newsletterId: order.newsletterId, boundEntryId, minArticles }, home)
  const plan =
    known === null
      ? await makeEdition(tx, order, boundEntryId, publicId(), randomBytes(32), now)
      : { edition: known, created: soFar.created }
  if (plan.edition !== null) {
    await reopenPlanning(tx, plan.edition.id)
    await writeDeliveries(tx, plan.edition.id, now)
  }
  await moveWatermarks(tx, slice, span, order, boundEntryId)
  return plan
}

async function readBound(tx: Database, newsletterId: number): Promise<number> {
  const rows = await tx.execute<{ bound: number }>(
    sql`select coalesce(max(id), 0) as bound from entry where newsletter_id = ${newsletterId}`,
  )
  return rows.rows[0]?.bound ?? 0
}

const publicId = () => toBase32(randomBytes(10))

const busy = () =>
  new CourantError('plan.busy', {
    what: 'An earlier edition of this newsletter is still being sent.',
    why: 'A worker did not give its share back in time.',
    todo: 'Run the command again; "courant edition list" shows what is being sent.',
  })
