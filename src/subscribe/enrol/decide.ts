import { type ChoiceParts, completeChoice, sameChoice } from '../choice/choice.ts'
import type { Choice } from '../choice/slots.ts'
import type { SubscriptionState } from '../permission.ts'

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

/** A subscription as it stands, or as it is to be. Topic ids ascend. */
export type Standing = {
  readonly state: SubscriptionState
  readonly choice: Choice
  readonly topicIds: readonly number[]
}

/** What a newsletter gives who chooses nothing. */
export type Offer = { readonly home: Choice; readonly homeHour: number }

/** What becomes of it; refused are those who left and whom an import would bring back. `ask` says that the reader is to be asked for confirmation. */
export type Step =
  | { readonly kind: 'refuse' }
  | { readonly kind: 'enter' | 'change'; readonly to: Standing; readonly ask: boolean }
  | { readonly kind: 'keep'; readonly ask: boolean }

/** The one rule of signing up, for every door: confirmed never goes back, and nobody becomes active without proof. */
export function decide(asked: Asked, standing: Standing | null, offer: Offer): Step {
  if (standing?.state === 'left' && asked.by === 'import') return { kind: 'refuse' }
  const choice = completeChoice(asked.choice, standing?.choice ?? offer.home, offer.homeHour)
  const topicIds = asked.topicIds ?? standing?.topicIds ?? []
  if (standing === null) {
    const state = asked.evidence && asked.by !== 'reader' ? 'active' : 'pending'
    return { kind: 'enter', to: { state, choice, topicIds }, ask: state === 'pending' }
  }
  const state = stateAfter(asked, standing.state)
  // A form proves nothing about who filled it in: it changes no choice of a reader who has confirmed.
  if (asked.by === 'reader' && isConfirmed(standing.state)) return { kind: 'keep', ask: asked.retry }
  const ask = state === 'pending' && (asked.by !== 'import' || asked.neverAsked === true)
  const to = { state, choice, topicIds }
  return isSame(standing, to) ? { kind: 'keep', ask } : { kind: 'change', to, ask }
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
