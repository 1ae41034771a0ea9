import type { Clock } from '../clock.ts'
import { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { checkMessages } from '../delivery/check-messages.ts'
import type { Sender } from '../delivery/worker.ts'
import { checkTemplatesOnce } from '../digest/render/check-templates.ts'
import { readPublication } from '../digest/variant.ts'
import { openAbandoned } from '../editions/editions.ts'
import { markSlotMissed, recordMissedSlots } from '../editions/plan/missed.ts'
import { planEdition } from '../editions/plan/plan.ts'
import { skipCohortsWithoutNews } from '../editions/plan/skip-empty.ts'
import { makeSlotRequest } from '../editions/plan-request.ts'
import { countDeliveries } from '../editions/reports/counts.ts'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import { type Newsletter, readNewsletters } from '../newsletters/newsletters.ts'
import { type DueCohort, type DueSlot, findDueCohorts, groupDue } from './due-cohorts.ts'

/** A slot, by the newsletter's slug. */
type NamedSlot = { readonly newsletter: string; readonly frequency: string; readonly slotAt: Temporal.Instant }

/** What became of the slots that were due; slots with nothing new for any reader are in none of the lists. */
export type PlanningReport = {
  /** `planned` counts the edition's deliveries. */
  readonly planned: readonly (NamedSlot & {
    readonly edition: number
    readonly state: string
    readonly planned: number
  })[]
  readonly missed: readonly (NamedSlot & { readonly reason: string })[]
  /** Slots that cannot be planned now; the next tick tries again. */
  readonly waiting: readonly (NamedSlot & { readonly reason: string })[]
}

/** What planning needs of a tick's work. */
export type PlanWork = {
  readonly sender: Pick<Sender, 'context'>
  readonly log: Logger
}

type MutableReport = { [List in keyof PlanningReport]: PlanningReport[List][number][] }
type Run = { readonly db: Database; readonly work: PlanWork; readonly clock: Clock; readonly report: MutableReport }

export const NOTHING_PLANNED: PlanningReport = { planned: [], missed: [], waiting: [] }
/** Several, so that a newsletter that waits for its workers does not hold up all others. */
const NEWSLETTERS_AT_ONCE = 4
/** However short the newsletter's grace is, a slot may be this late: ticks are a minute apart, and one may take long. */
const MIN_GRACE_MINUTES = 15
/** The planner of a manual edition that is still `planning` after this is dead. */
const ABANDONED_MINUTES = 10

/**
 * Plans the slots that are due, once each: those still within the newsletter's grace, while older ones are recorded as
 * `missed`. A newsletter that cannot be planned is left to the next tick and does not hold up the others.
 */
export async function planDue(
  db: Database,
  work: PlanWork,
  clock: Clock,
  signal?: AbortSignal,
): Promise<PlanningReport> {
  const run: Run = { db, work, clock, report: { planned: [], missed: [], waiting: [] } }
  const now = clock.now()
  const due = await findDueCohorts(db, now)
  if (due.length > 0) await planCohorts(run, due, now, signal)
  await openAbandoned(db, now.subtract({ minutes: ABANDONED_MINUTES }), now)
  return run.report
}

async function planCohorts(
  run: Run,
  due: readonly DueCohort[],
  now: Temporal.Instant,
  signal: AbortSignal | undefined,
): Promise<void> {
  const queue = [...Map.groupBy(due, (cohort) => cohort.newsletterId)]
  const newsletters = await readNewsletters(
    run.db,
    queue.map(([id]) => id),
  )
  const planNext = async () => {
    for (let next = queue.shift(); next !== undefined && !signal?.aborted; next = queue.shift()) {
      const newsletter = newsletters.get(next[0])
      if (newsletter !== undefined) await planNewsletter(run, newsletter, next[1], now)
    }
  }
  await Promise.all(Array.from({ length: NEWSLETTERS_AT_ONCE }, planNext))
}

/** Logs a failure of one newsletter, so that it does not reach the others. */
async function planNewsletter(
  run: Run,
  newsletter: Newsletter,
  due: readonly DueCohort[],
  now: Temporal.Instant,
): Promise<void> {
  try {
    for (const slot of groupDue(due, now)) await tryPlanSlot(run, newsletter, slot)
  } catch (error) {
    run.work.log.error({ newsletterId: newsletter.id, reason: reasonOf(error) }, 'newsletter.plan_failed')
  }
}

async function tryPlanSlot(run: Run, newsletter: Newsletter, slot: DueSlot): Promise<void> {
  try {
    await planSlot(run, newsletter, slot)
  } catch (error) {
    reportBlocked(run, newsletter, slot, reasonOf(error))
  }
}

async function planSlot(run: Run, newsletter: Newsletter, slot: DueSlot): Promise<void> {
  const { db, work, clock } = run
  const request = makeSlotRequest(newsletter, slot, slot.cohortIds)
  const cohortIds = await skipCohortsWithoutNews(db, request, clock)
  if (cohortIds.length === 0) return
  const rest = { ...request, cohortIds }
  const graceStart = clock.now().subtract({ minutes: Math.max(newsletter.graceHours * 60, MIN_GRACE_MINUTES) })
  const isLate = (at: Temporal.Instant) => Temporal.Instant.compare(at, graceStart) < 0
  await recordSkipped(run, newsletter, { ...slot, skipped: slot.skipped.filter(isLate) })
  const obstacle = await findObstacle(newsletter, work.sender.context)
  if (isLate(slot.at)) {
    const reason = obstacle ?? whyLate(newsletter)
    if (await markSlotMissed(db, rest, reason, clock)) reportMissed(run, newsletter, slot, reason)
    return
  }
  if (obstacle !== null) return reportBlocked(run, newsletter, slot, obstacle)
  const { edition, created } = await planEdition(db, rest, clock)
  if (edition === null || edition.state === 'cancelled' || edition.state === 'missed') return
  const { planned } = await countDeliveries(db, edition.id)
  work.log.info({ editionId: edition.id, created, planned }, 'edition.planned')
  run.report.planned.push({ edition: edition.id, ...nameSlot(newsletter, slot), state: edition.state, planned })
}

/** Finds out why nothing of the newsletter can be sent at all; null where it can. */
async function findObstacle(newsletter: Newsletter, context: Sender['context']): Promise<string | null> {
  if (newsletter.imprint === null || newsletter.imprint.trim() === '')
    return 'The newsletter has no imprint; every mail must say who sends it.'
  try {
    checkTemplatesOnce(context.templates, readPublication(newsletter))
    await checkMessages(context, newsletter)
    return null
  } catch (error) {
    return reasonOf(error)
  }
}

const whyLate = ({ graceHours }: Newsletter) =>
  `It was not planned within ${graceHours} hours: Courant was not running, or the newsletter was paused.`

async function recordSkipped(run: Run, newsletter: Newsletter, slot: DueSlot): Promise<void> {
  const slots = slot.skipped.map((at) => ({ frequency: slot.frequency, at }))
  const reason = whyLate(newsletter)
  const recorded = await recordMissedSlots(run.db, newsletter.id, slots, reason, run.clock.now())
  for (const one of recorded) reportMissed(run, newsletter, one, reason)
}

function reportMissed(
  run: Run,
  newsletter: Newsletter,
  slot: Pick<DueSlot, 'at'> & { frequency: string },
  reason: string,
): void {
  const named = { ...nameSlot(newsletter, slot), reason }
  run.work.log.warn(named, 'slot.missed')
  run.report.missed.push(named)
}

function reportBlocked(run: Run, newsletter: Newsletter, slot: DueSlot, reason: string): void {
  const named = { ...nameSlot(newsletter, slot), reason }
  run.work.log.error(named, 'slot.blocked')
  run.report.waiting.push(named)
}

const nameSlot = ({ slug }: Newsletter, { frequency, at }: { frequency: string; at: Temporal.Instant }): NamedSlot => ({
  newsletter: slug,
  frequency,
  slotAt: at,
})
