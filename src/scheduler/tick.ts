import { type Collected, collectSources, logSources, NOTHING_COLLECTED } from '../articles/collect.ts'
import type { CollectOptions } from '../articles/collect-source.ts'
import { atMost, type Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import type { Sender } from '../delivery/worker.ts'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import { type DeliveryReport, deliverDue, NOTHING_DELIVERED } from './deliver-due.ts'
import { type MaintenanceReport, NO_MAINTENANCE, runMaintenance } from './maintenance.ts'
import { NOTHING_PLANNED, type PlanningReport, planDue } from './plan-due.ts'

/** What the parts of a tick work with. */
export type TickWork = {
  readonly sender: Sender
  readonly collecting: Pick<CollectOptions, 'userAgent' | 'allowPrivate' | 'limits' | 'cipher'>
  readonly log: Logger
}

/** What one pass did; `troubles` names the parts that failed, each without stopping the others. */
export type TickReport = MaintenanceReport &
  PlanningReport &
  Omit<DeliveryReport, 'relayError'> & {
    readonly collected: Collected
    readonly troubles: readonly { readonly part: string; readonly reason: string }[]
  }

/** Planning waits for collecting no longer than this, then runs beside it; hosts that answer at all have answered by then. */
const COLLECT_FIRST_MS = 10_000

/**
 * One pass of the scheduler: runs maintenance, collects what is due, plans what is due, delivers. Two passes at once, in
 * one process or several, do no harm; the next one picks up what this one leaves.
 */
export async function runTick(db: Database, work: TickWork, clock: Clock, signal?: AbortSignal): Promise<TickReport> {
  const troubles: { part: string; reason: string }[] = []
  const attempt = async <T>(part: string, nothing: T, run: () => Promise<T>): Promise<T> => {
    if (signal?.aborted) return nothing
    try {
      return await run()
    } catch (error) {
      const reason = reasonOf(error)
      troubles.push({ part, reason })
      work.log.error({ part, reason }, 'tick.failed')
      return nothing
    }
  }
  const maintenance = await attempt('maintain', NO_MAINTENANCE, () => runMaintenance(db, work.log, clock))
  const collecting = attempt('collect', NOTHING_COLLECTED, () => collectDue(db, work, clock, signal))
  await atMost(COLLECT_FIRST_MS, collecting, clock)
  const planning = await attempt('plan', NOTHING_PLANNED, () => planDue(db, work, clock, signal))
  const { relayError, ...delivered } = await attempt('deliver', NOTHING_DELIVERED, () =>
    deliverDue(db, work, clock, signal),
  )
  if (relayError !== null) troubles.push({ part: 'deliver', reason: relayError })
  const collected = await collecting
  return { ...maintenance, collected, ...planning, ...delivered, troubles }
}

/** Fetches the sources that are due, among them those of a newsletter whose slot is near. */
function collectDue(
  db: Database,
  work: Pick<TickWork, 'collecting' | 'log'>,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<Collected> {
  return collectSources(db, {
    ...work.collecting,
    ...logSources(work.log),
    ...(signal && { signal }),
    ...{ sourceIds: null, onlyDue: true, clock },
  })
}
