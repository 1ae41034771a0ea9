import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import type { Clock, Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { selectForGroups } from '../digest/select.ts'
import { CourantError } from '../errors.ts'
import { toBase32 } from '../mail/base32.ts'
import { type Counts, countContents, countEdition, NONE } from './counts.ts'
import {
  adoptOrphans,
  findPlanning,
  finishEditions,
  makeEdition,
  openSending,
  type Plan,
  reopenPlanning,
} from './edition.ts'
import { readAudience, readSlices, type Slice } from './plan/audience.ts'
import type { PlanOrder } from './plan/order.ts'
import { moveWatermarks } from './plan/watermark.ts'
import { writeDeliveries } from './plan/write.ts'
import { lockOpenShares, recallShares, releaseRecall } from './recall.ts'

/** A worker gives a share back after what is on the wire: seconds; a dead one's lease ends after 15 s. */
const WAIT_FOR_SHARES_MS = 60_000
const ASK_AGAIN_MS = 50

/**
 * Plans an edition: selects for every reader what is new to them and writes edition, variants, deliveries and shares,
 * slice by slice, each a transaction that also moves the watermarks. Planning again (after a crash, with the same key)
 * goes on where it stopped and adds only what is missing.
 *
 * @throws CourantError `plan.busy` when a worker does not give its shares back.
 */
export async function planEdition(db: Database, order: PlanOrder, clock: Clock): Promise<Plan> {
  const known = await findPlanning(db, order)
  if (known !== null && known.state !== 'planning') return { edition: known, created: false }
  await adoptOrphans(db, order.newsletterId, known?.id ?? null, clock.now())
  let plan: Plan = { edition: known, created: false }
  try {
    for (const slice of await readSlices(db, order)) plan = await planSlice(db, order, slice, plan, clock)
  } finally {
    await releaseRecall(db, order.newsletterId)
  }
  await finishEditions(db, order.newsletterId, clock.now())
  if (plan.edition === null) return plan
  return { edition: await openSending(db, plan.edition, clock.now()), created: plan.created }
}

/** What an order would plan, and for how many. */
export type Rehearsal = Omit<Counts, 'queued' | 'sending'> & { readonly articles: number; readonly variants: number }

/** What a sending by hand would plan, from the very statements that plan it; nothing is kept. */
export async function rehearsePlan(db: Database, order: PlanOrder, clock: Clock): Promise<Rehearsal> {
  const { queued: _, sending: __, ...none } = NONE
  const found: { rehearsal: Rehearsal } = { rehearsal: { ...none, articles: 0, variants: 0 } }
  const undo = new Error('rehearsed')
  try {
    await db.transaction(async (tx) => {
      let plan: Plan = { edition: null, created: false }
      for (const slice of await readSlices(tx, order)) {
        await lockOpenShares(tx, order.newsletterId, clock.now())
        plan = await writeSlice(tx, order, slice, plan, clock.now())
        await tx.execute(sql`drop table planned_reader, planned_group, planned_selection`)
      }
      if (plan.edition !== null) found.rehearsal = await readRehearsal(tx, plan.edition.id)
      throw undo
    })
  } catch (error) {
    if (error !== undo) throw error
  }
  return found.rehearsal
}

async function readRehearsal(tx: Database, editionId: number): Promise<Rehearsal> {
  const { queued: _, sending: __, ...counts } = await countEdition(tx, editionId)
  return { ...counts, ...(await countContents(tx, editionId)) }
}

async function planSlice(db: Database, order: PlanOrder, slice: Slice, soFar: Plan, clock: Clock): Promise<Plan> {
  const startMs = clock.monotonicMs()
  for (;;) {
    await recallShares(db, order.newsletterId, clock.now())
    const planned = await db.transaction(async (tx) => {
      const now = clock.now()
      await lockCohorts(tx, slice)
      if (!(await lockOpenShares(tx, order.newsletterId, now))) return 'busy'
      return writeSlice(tx, order, slice, soFar, now)
    })
    if (planned !== 'busy') return planned
    if (clock.monotonicMs() - startMs > WAIT_FOR_SHARES_MS) throw busy()
    await pause(ASK_AGAIN_MS)
  }
}

/** Statement by statement: the bound is read after the cohorts are locked, the entries after the bound. */
async function writeSlice(
  tx: Database,
  order: PlanOrder,
  slice: Slice,
  soFar: Plan,
  now: Temporal.Instant,
): Promise<Plan> {
  const known = soFar.edition
  const boundEntryId = known?.boundEntryId ?? (await readBound(tx, order.newsletterId))
  await readAudience(tx, order, slice, known?.id ?? null)
  const minArticles = order.slot === null ? 1 : order.minArticles
  const home = order.onlySubscriptionId === null && slice.home
  await selectForGroups(tx, { newsletterId: order.newsletterId, boundEntryId, minArticles }, home)
  const plan = known === null ? await makeEdition(tx, order, boundEntryId, publicId(), randomBytes(32), now) : soFar
  if (plan.edition !== null) {
    await reopenPlanning(tx, plan.edition.id)
    await writeDeliveries(tx, plan.edition.id, now)
  }
  await moveWatermarks(tx, slice, order.onlySubscriptionId, boundEntryId)
  return plan
}

async function lockCohorts(tx: Database, slice: Slice): Promise<void> {
  await tx.execute(sql`
    select id from cohort where id = any(${`{${slice.cohortIds.join(',')}}`}::bigint[]) order by id for update`)
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
    why: 'A worker did not give its share back within a minute.',
    todo: 'Run the command again; "courant edition list" shows what is being sent.',
  })
