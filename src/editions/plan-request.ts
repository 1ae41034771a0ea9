import type { Temporal } from '../clock.ts'

/** One sending in time: all of a newsletter's cohorts of this frequency that are due by then are planned as one edition. */
export type Slot = { readonly frequency: string; readonly at: Temporal.Instant }

/** What to plan: a newsletter's slot, or a sending by hand to all or to one. */
export type PlanRequest = {
  readonly newsletterId: number
  /** Fewer new articles than this wait for the next slot. */
  readonly minArticles: number
  /** The cohorts of a slot; null takes all of the newsletter's. */
  readonly cohortIds: readonly number[] | null
  readonly slot: Slot | null
  readonly key: string | null
  readonly onlySubscriptionId: number | null
  /** How long to wait for workers that are asked to give batches back. */
  readonly waitMs: number
}

/** An order for a slot. */
export type SlotRequest = PlanRequest & { readonly cohortIds: readonly number[]; readonly slot: Slot }

/** A worker gives a batch back after what is on the wire: seconds; a dead one's lease ends after 15 s. */
const WAIT_MS = 60_000
/** A slot has the next tick to try again. */
const SLOT_WAIT_MS = 20_000

/** A sending by hand: now, to every active subscription or to one, whatever its hour and however little is new. */
export function makeManualRequest(
  newsletterId: number,
  key: string | null,
  onlySubscriptionId: number | null,
): PlanRequest {
  return { newsletterId, minArticles: 1, cohortIds: null, slot: null, key, onlySubscriptionId, waitMs: WAIT_MS }
}

/** A slot of a newsletter, for those of these cohorts that are still due by then. */
export function makeSlotRequest(
  newsletter: { readonly id: number; readonly minArticles: number },
  slot: Slot,
  cohortIds: readonly number[],
): SlotRequest {
  const { id: newsletterId, minArticles } = newsletter
  return { newsletterId, minArticles, cohortIds, slot, key: null, onlySubscriptionId: null, waitMs: SLOT_WAIT_MS }
}
