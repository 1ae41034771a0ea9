import { sql } from 'drizzle-orm'
import type { Clock } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { makeEditionIdentity, type PlanResult } from '../editions.ts'
import type { PlanRequest } from '../plan-request.ts'
import { lockOpenBatches } from '../recall.ts'
import { countContents, countDeliveries, type DeliveryCounts, NO_DELIVERIES } from '../reports/counts.ts'
import { readSlices } from './audience.ts'
import { writeSlice } from './plan.ts'

/** What an order would plan, and for how many. */
type Rehearsal = Omit<DeliveryCounts, 'queued' | 'sending'> & { readonly articles: number; readonly variants: number }

/** What a sending by hand would plan, from the very statements that plan it; nothing is kept. */
export async function dryRunPlan(db: Database, order: PlanRequest, clock: Clock): Promise<Rehearsal> {
  const { queued: _, sending: __, ...none } = NO_DELIVERIES
  const found: { rehearsal: Rehearsal } = { rehearsal: { ...none, articles: 0, variants: 0 } }
  const undo = new Error('rehearsed')
  try {
    await db.transaction(async (tx) => {
      // What a paused newsletter would send is worth knowing too; this is undone with the rest.
      await tx.execute(
        sql`update newsletter set state = 'active' where id = ${order.newsletterId} and state = 'paused'`,
      )
      const names = makeEditionIdentity()
      let plan: PlanResult = { edition: null, created: false }
      for (const slice of await readSlices(tx, order)) {
        await lockOpenBatches(tx, order.newsletterId, clock.now())
        plan = await writeSlice(tx, order, names, slice, plan, clock.now())
        await tx.execute(sql`drop table planned_open, planned_reader, planned_group, planned_match, planned_selection`)
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
  const { queued: _, sending: __, ...counts } = await countDeliveries(tx, editionId)
  return { ...counts, ...(await countContents(tx, editionId)) }
}
