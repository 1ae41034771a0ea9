import type { Schedule } from '../../newsletters/schedule/slots.ts'
import type { SubscriptionState } from '../permission.ts'
import { completeSchedule, isSameSchedule, type SchedulePatch } from '../preferences/preferences.ts'
import type { DesiredState } from '../subscriptions.ts'

/** Who asks. A reader's word is not proven to be theirs until they confirm; an import never raises consent. */
export type RequestedBy = 'reader' | 'administrator' | 'import'

/** What is asked for; null for what was not said. `evidence` is whether proof of consent came along. */
export type SignupFacts = {
  readonly by: RequestedBy
  readonly evidence: boolean
  readonly schedule: SchedulePatch
  readonly topicIds: readonly number[] | null
  /** The address bounced so long ago that its reader may be asked whether it lives. */
  readonly retry: boolean
  /** No mail has asked the reader of a pending subscription yet. */
  readonly neverAsked?: boolean
}

/** What a newsletter gives who chooses nothing. */
export type NewsletterDefaults = { readonly home: Schedule; readonly homeHour: number }

/** What a reader chose on a form. */
type Preferences = Pick<DesiredState, 'schedule' | 'topicIds'>

/**
 * What becomes of it; refused are those who left and whom an import would bring back. `ask` says that the reader is to be
 * asked for confirmation, `wanted` what that confirms (null: the subscription as it stands).
 */
export type Decision =
  | { readonly kind: 'refuse' }
  | {
      readonly kind: 'enter' | 'change'
      readonly to: DesiredState
      readonly ask: boolean
      readonly preferences: Preferences | null
    }
  | { readonly kind: 'keep'; readonly ask: boolean; readonly preferences: Preferences | null }

/** The one rule of signing up, for every door: confirmed never goes back, and nobody becomes active without proof. */
export function decide(asked: SignupFacts, existing: DesiredState | null, offer: NewsletterDefaults): Decision {
  if (existing?.state === 'unsubscribed' && asked.by === 'import') return { kind: 'refuse' }
  if (asked.by === 'reader') return decideForm(asked, existing, offer)
  const schedule = completeSchedule(asked.schedule, existing?.schedule ?? offer.home, offer.homeHour)
  const topicIds = asked.topicIds ?? existing?.topicIds ?? []
  if (existing === null) {
    const state = asked.evidence ? 'active' : 'pending'
    return { kind: 'enter', to: { state, schedule: schedule, topicIds }, ask: state === 'pending', preferences: null }
  }
  const state = stateAfter(asked, existing.state)
  const ask = state === 'pending' && (asked.by !== 'import' || asked.neverAsked === true)
  const to = { state, schedule, topicIds }
  return isSame(existing, to)
    ? { kind: 'keep', ask, preferences: null }
    : { kind: 'change', to, ask, preferences: null }
}

/**
 * A form proves nothing about who filled it in: it changes no choice of what stands, confirmed or not. What it wants is
 * confirmed by the link of its own mail.
 */
function decideForm(asked: SignupFacts, existing: DesiredState | null, offer: NewsletterDefaults): Decision {
  if (existing !== null && isConfirmed(existing.state)) return { kind: 'keep', ask: asked.retry, preferences: null }
  // What a request says that waits may be another's word; what a reader had who left is their own.
  const before = existing?.state === 'unsubscribed' ? existing : null
  const to = {
    state: 'pending' as const,
    schedule: completeSchedule(asked.schedule, before?.schedule ?? offer.home, offer.homeHour),
    topicIds: asked.topicIds ?? before?.topicIds ?? [],
  }
  if (existing === null) return { kind: 'enter', to, ask: true, preferences: null }
  const pending = { ...existing, state: to.state }
  const preferences = isSame(pending, to) ? null : { schedule: to.schedule, topicIds: to.topicIds }
  return existing.state === 'pending'
    ? { kind: 'keep', ask: true, preferences }
    : { kind: 'change', to: pending, ask: true, preferences: preferences }
}

function stateAfter(asked: SignupFacts, state: SubscriptionState): SubscriptionState {
  if (isConfirmed(state)) return state
  return asked.evidence && asked.by === 'administrator' ? 'active' : 'pending'
}

const isConfirmed = (state: SubscriptionState) => state === 'active' || state === 'paused'

function isSame(one: DesiredState, other: DesiredState): boolean {
  return (
    one.state === other.state &&
    isSameSchedule(one.schedule, other.schedule) &&
    one.topicIds.join() === other.topicIds.join()
  )
}
