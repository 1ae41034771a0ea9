import type { Choice } from '../../newsletters/schedule/slots.ts'
import type { SubscriptionState } from '../permission.ts'
import { type ChoiceParts, completeChoice, sameChoice } from '../preferences/preferences.ts'
import type { Standing } from '../subscriptions.ts'

/** Who asks. A reader's word is not proven to be theirs until they confirm; an import never raises consent. */
export type Asker = 'reader' | 'administrator' | 'import'

/** What is asked for; null for what was not said. `evidence` is whether proof of consent came along. */
export type Asked = {
  readonly by: Asker
  readonly evidence: boolean
  readonly choice: ChoiceParts
  readonly topicIds: readonly number[] | null
  /** The address bounced so long ago that its reader may be asked whether it lives. */
  readonly retry: boolean
  /** No mail has asked the reader of a pending subscription yet. */
  readonly neverAsked?: boolean
}

/** What a newsletter gives who chooses nothing. */
export type Offer = { readonly home: Choice; readonly homeHour: number }

/** What a reader chose on a form. */
export type Wanted = Pick<Standing, 'choice' | 'topicIds'>

/**
 * What becomes of it; refused are those who left and whom an import would bring back. `ask` says that the reader is to be
 * asked for confirmation, `wanted` what that confirms (null: the subscription as it stands).
 */
export type Step =
  | { readonly kind: 'refuse' }
  | { readonly kind: 'enter' | 'change'; readonly to: Standing; readonly ask: boolean; readonly wanted: Wanted | null }
  | { readonly kind: 'keep'; readonly ask: boolean; readonly wanted: Wanted | null }

/** The one rule of signing up, for every door: confirmed never goes back, and nobody becomes active without proof. */
export function decide(asked: Asked, standing: Standing | null, offer: Offer): Step {
  if (standing?.state === 'unsubscribed' && asked.by === 'import') return { kind: 'refuse' }
  if (asked.by === 'reader') return decideForm(asked, standing, offer)
  const choice = completeChoice(asked.choice, standing?.choice ?? offer.home, offer.homeHour)
  const topicIds = asked.topicIds ?? standing?.topicIds ?? []
  if (standing === null) {
    const state = asked.evidence ? 'active' : 'pending'
    return { kind: 'enter', to: { state, choice, topicIds }, ask: state === 'pending', wanted: null }
  }
  const state = stateAfter(asked, standing.state)
  const ask = state === 'pending' && (asked.by !== 'import' || asked.neverAsked === true)
  const to = { state, choice, topicIds }
  return isSame(standing, to) ? { kind: 'keep', ask, wanted: null } : { kind: 'change', to, ask, wanted: null }
}

/**
 * A form proves nothing about who filled it in: it changes no choice of what stands, confirmed or not. What it wants is
 * confirmed by the link of its own mail.
 */
function decideForm(asked: Asked, standing: Standing | null, offer: Offer): Step {
  if (standing !== null && isConfirmed(standing.state)) return { kind: 'keep', ask: asked.retry, wanted: null }
  // What a request says that waits may be another's word; what a reader had who left is their own.
  const before = standing?.state === 'unsubscribed' ? standing : null
  const to = {
    state: 'pending' as const,
    choice: completeChoice(asked.choice, before?.choice ?? offer.home, offer.homeHour),
    topicIds: asked.topicIds ?? before?.topicIds ?? [],
  }
  if (standing === null) return { kind: 'enter', to, ask: true, wanted: null }
  const pending = { ...standing, state: to.state }
  const wanted = isSame(pending, to) ? null : { choice: to.choice, topicIds: to.topicIds }
  return standing.state === 'pending'
    ? { kind: 'keep', ask: true, wanted }
    : { kind: 'change', to: pending, ask: true, wanted }
}

function stateAfter(asked: Asked, state: SubscriptionState): SubscriptionState {
  if (isConfirmed(state)) return state
  return asked.evidence && asked.by === 'administrator' ? 'active' : 'pending'
}

const isConfirmed = (state: SubscriptionState) => state === 'active' || state === 'paused'

function isSame(one: Standing, other: Standing): boolean {
  return (
    one.state === other.state && sameChoice(one.choice, other.choice) && one.topicIds.join() === other.topicIds.join()
  )
}
