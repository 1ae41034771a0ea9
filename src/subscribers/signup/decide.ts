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
export type Preferences = Pick<DesiredState, 'choice' | 'topicIds'>

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
  | { readonly kind: 'keep'; readonly ask: boolean; readonly wanted: Preferences | null }

/** The one rule of signing up, for every door: confirmed never goes back, and nobody becomes active without proof. */
export function decide(asked: SignupFacts, standing: DesiredState | null, offer: NewsletterDefaults): Decision {
  if (standing?.state === 'unsubscribed' && asked.by === 'import') return { kind: 'refuse' }
  if (asked.by === 'reader') return decideForm(asked, standing, offer)
  const choice = completeSchedule(asked.schedule, standing?.schedule ?? offer.home, offer.homeHour)
  const topicIds = asked.topicIds ?? standing?.topicIds ?? []
  if (standing === null) {
    const state = asked.evidence ? 'active' : 'pending'
    return { kind: 'enter', to: { state, schedule: choice, topicIds }, ask: state === 'pending', preferences: null }
  }
  const state = stateAfter(asked, standing.state)
  const ask = state === 'pending' && (asked.by !== 'import' || asked.neverAsked === true)
  const to = { state, choice, topicIds }
  return isSame(standing, to) ? { kind: 'keep', ask, wanted: null } : { kind: 'change', to, ask, preferences: null }
}

/**
 * A form proves nothing about who filled it in: it changes no choice of what stands, confirmed or not. What it wants is
 * confirmed by the link of its own mail.
 */
function decideForm(asked: SignupFacts, standing: DesiredState | null, offer: NewsletterDefaults): Decision {
  if (standing !== null && isConfirmed(standing.state)) return { kind: 'keep', ask: asked.retry, wanted: null }
  // What a request says that waits may be another's word; what a reader had who left is their own.
  const before = standing?.state === 'unsubscribed' ? standing : null
  const to = {
    state: 'pending' as const,
    choice: completeSchedule(asked.schedule, before?.schedule ?? offer.home, offer.homeHour),
    topicIds: asked.topicIds ?? before?.topicIds ?? [],
  }
  if (standing === null) return { kind: 'enter', to, ask: true, preferences: null }
  const pending = { ...standing, state: to.state }
  const wanted = isSame(pending, to) ? null : { choice: to.choice, topicIds: to.topicIds }
  return standing.state === 'pending'
    ? { kind: 'keep', ask: true, wanted }
    : { kind: 'change', to: pending, ask: true, preferences: wanted }
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
