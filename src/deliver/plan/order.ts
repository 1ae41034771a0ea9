import type { Temporal } from '../../clock.ts'

/** What to plan: a newsletter's slot, or a sending by hand to all or to one. */
export type PlanOrder = {
  readonly newsletterId: number
  /** Fewer new articles than this wait for the next slot. */
  readonly minArticles: number
  /** The cohorts of a slot; null takes all of the newsletter's. */
  readonly cohortIds: readonly number[] | null
  readonly slot: { readonly rhythm: string; readonly at: Temporal.Instant } | null
  readonly key: string | null
  readonly onlySubscriptionId: number | null
}

/** A sending by hand: now, to every active subscription or to one, whatever its hour and however little is new. */
export function orderByHand(newsletterId: number, key: string | null, onlySubscriptionId: number | null): PlanOrder {
  return { newsletterId, minArticles: 1, cohortIds: null, slot: null, key, onlySubscriptionId }
}
