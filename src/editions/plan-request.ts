import type { Temporal } from '../clock.ts'
import { BATCH_WAIT_MS } from './recall.ts'

/** The instant at which a frequency is due: all of a newsletter's cohorts that are due by then are planned as one edition. */
export type Slot = { readonly frequency: string; readonly at: Temporal.Instant }

/** What to plan: a newsletter's slot, or a manual edition for all readers or for one. */
export type PlanRequest = {
  readonly newsletterId: number
  /** Readers with fewer new articles than this wait for the next slot. */
  readonly minArticles: number
  /** The cohorts of a slot; null for all of the newsletter's. */
  readonly cohortIds: readonly number[] | null
  readonly slot: Slot | null
  readonly key: string | null
  readonly onlySubscriptionId: number | null
  /** How long to wait for workers that are asked to give batches back. */
  readonly waitMs: number
}

/** A request for a slot. */
export type SlotRequest = PlanRequest & { readonly cohortIds: readonly number[]; readonly slot: Slot }

/** A slot is tried again with the next tick. */
const SLOT_WAIT_MS = 20_000

/** Requests an edition now, for every active subscription or for one, whatever its hour and however little is new. */
export function makeManualRequest(
  newsletterId: number,
  key: string | null,
  onlySubscriptionId: number | null,
): PlanRequest {
  return {
    newsletterId,
    minArticles: 1,
    cohortIds: null,
    slot: null,
    key,
    onlySubscriptionId,
    waitMs: BATCH_WAIT_MS,
  }
}

/** Requests a slot of a newsletter, for those of these cohorts that are still due by then. */
export function makeSlotRequest(
  newsletter: { readonly id: number; readonly minArticles: number },
  slot: Slot,
  cohortIds: readonly number[],
): SlotRequest {
  const { id: newsletterId, minArticles } = newsletter
  return { newsletterId, minArticles, cohortIds, slot, key: null, onlySubscriptionId: null, waitMs: SLOT_WAIT_MS }
}
