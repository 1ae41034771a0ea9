import type { Clock } from '../clock.ts'
import type { Collected } from '../collect/collect.ts'
import { findDueSources } from '../collect/source/sources.ts'
import type { Database } from '../db/client.ts'
import type { Sender } from '../deliver/send.ts'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import { type Delivered, deliverDue, NOTHING_DELIVERED } from './deliver.ts'
import { type House, keepHouse, NOTHING_KEPT } from './house.ts'
import { NOTHING_PLANNED, type Planning, planDue } from './planning.ts'

export { deliverDue, planDue }

/** What the parts of a tick work with. */
export type TickWork = {
  readonly sender: Sender
  readonly collecting: { readonly userAgent: string; readonly allowPrivate: boolean }
  readonly log: Logger
}

/** What one pass did; `troubles` names the parts that failed, which kept none of the others from their work. */
export type TickReport = House &
  Planning &
  Omit<Delivered, 'trouble'> & {
    readonly collected: Collected
    readonly troubles: readonly { readonly part: string; readonly reason: string }[]
  }

const NOTHING_COLLECTED: Collected = { sources: 0, fetched: 0, unchanged: 0, failed: 0, held: 0, new: 0, updated: 0 }

/**
 * One pass of the scheduler: keeps house, collects what is due, plans what is due, delivers. Two at once, in one process
 * or several, do no harm; what one leaves undone the next takes up.
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
  const house = await attempt('house', NOTHING_KEPT, () => keepHouse(db, work.log, clock))
  const collected = await attempt('collect', NOTHING_COLLECTED, () => collectDue(db, work, clock))
  const planning = await attempt('plan', NOTHING_PLANNED, () => planDue(db, work, clock, signal))
  const delivery = await attempt('deliver', NOTHING_DELIVERED, () => deliverDue(db, work, clock, signal))
  const { trouble, ...delivered } = delivery
  if (trouble !== null) troubles.push({ part: 'deliver', reason: trouble })
  return { ...house, collected, ...planning, ...delivered, troubles }
}

/** Fetches the sources whose time has come, among them those of a newsletter whose slot is near. */
export async function collectDue(
  db: Database,
  work: Pick<TickWork, 'collecting' | 'log'>,
  clock: Clock,
): Promise<Collected> {
  const now = clock.now()
  const sourceIds = await findDueSources(db, now)
  if (sourceIds.length === 0) return NOTHING_COLLECTED
  // Of several workers one collects: the others need not load what reads feeds, 20 MB of memory.
  const { collectSources } = await import('../collect/collect.ts')
  return collectSources(db, {
    ...work.collecting,
    sourceIds,
    now,
    onFailure: (sourceId, reason) => work.log.warn({ sourceId, reason }, 'source.failed'),
    onHeld: (sourceId, articles) => work.log.warn({ sourceId, articles }, 'source.held'),
  })
}
