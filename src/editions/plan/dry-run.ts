import { sql } from 'drizzle-orm'
import type { Clock } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { dropPlanningTables } from '../../digest/planning-tables.ts'
import { makeEditionIdentity, type PlanResult } from '../editions.ts'
import type { PlanRequest } from '../plan-request.ts'
import { lockOpenBatches } from '../recall.ts'
import { countContents, countDeliveries, type DeliveryCounts, NO_DELIVERIES } from '../reports/counts.ts'
import { readSlices } from './audience.ts'
import { writeSlice } from './plan.ts'

/** What a request would plan, and for how many readers. */
type DryRun = Omit<DeliveryCounts, 'queued' | 'sending'> & { readonly articles: number; readonly variants: number }

/** Counts what a manual request would plan, by the very statements that plan it, and rolls everything back. */
export async function dryRunPlan(db: Database, request: PlanRequest, clock: Clock): Promise<DryRun> {
  const { queued: _, sending: __, ...none } = NO_DELIVERIES
  const found: { dryRun: DryRun } = { dryRun: { ...none, articles: 0, variants: 0 } }
  const rollback = new Error('dry run')
  try {
    await db.transaction(async (tx) => {
      // A paused newsletter can be tried out too; this is rolled back with the rest.
      await tx.execute(
        sql`update newsletter set state = 'active' where id = ${request.newsletterId} and state = 'paused'`,
      )
      const identity = makeEditionIdentity()
      let plan: PlanResult = { edition: null, created: false }
      for (const slice of await readSlices(tx, request)) {
        await lockOpenBatches(tx, request.newsletterId, clock.now())
        plan = await writeSlice(tx, request, identity, slice, plan, clock.now())
        await dropPlanningTables(tx)
      }
      if (plan.edition !== null) found.dryRun = await readDryRun(tx, plan.edition.id)
      throw rollback
    })
  } catch (error) {
    if (error !== rollback) throw error
  }
  return found.dryRun
}

async function readDryRun(tx: Database, editionId: number): Promise<DryRun> {
  const { queued: _, sending: __, ...counts } = await countDeliveries(tx, editionId)
  return { ...counts, ...(await countContents(tx, editionId)) }
}
