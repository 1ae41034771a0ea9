import { type SQL, sql } from 'drizzle-orm'
import type { subscription } from '../db/schema/subscriber.ts'

/** What a mail is for: a digest, or the mail that asks for confirmation. */
export type Purpose = 'digest' | 'confirmation'
export type SubscriptionState = (typeof subscription.$inferSelect)['state']

/** Who a mail is for; a state of null is a subscription that is no more. */
export type MailQuestion = {
  readonly purpose: Purpose
  readonly subscriptionState: SubscriptionState | null
  readonly suppressed: boolean
}

export type MailAnswer =
  | { readonly may: true }
  | { readonly may: false; readonly state: 'skipped' | 'suppressed'; readonly reason: string }

const SUPPRESSED = 'suppressed'
const ERASED = 'erased'

/** Why nothing of this purpose goes to a subscription in this state; null where it may. */
const REASONS: Readonly<Record<Purpose, Readonly<Record<SubscriptionState, string | null>>>> = {
  digest: { pending: 'unconfirmed', active: null, paused: 'paused', left: 'left' },
  confirmation: { pending: null, active: 'confirmed', paused: 'confirmed', left: 'left' },
}

/** Whether a mail may go out (DESIGN I3), and else the state and reason its row ends with. The one rule for every path. */
export function mayMail({ purpose, subscriptionState, suppressed }: MailQuestion): MailAnswer {
  if (suppressed) return { may: false, state: 'suppressed', reason: SUPPRESSED }
  const reason = subscriptionState === null ? ERASED : REASONS[purpose][subscriptionState]
  return reason === null ? { may: true } : { may: false, state: 'skipped', reason }
}

/**
 * `mayMail` inside a statement: the reason against a mail, or null where it may go. `state` is the subscription's (null
 * when it is no more), `suppressed` a condition; a reason `suppressed` ends in that state, every other in `skipped`.
 */
export function whyNotMail(purpose: Purpose, state: SQL, suppressed: SQL): SQL<string | null> {
  const refused = Object.entries(REASONS[purpose]).filter(([, reason]) => reason !== null)
  const cases = refused.map(([refusedState, reason]) => sql`when ${refusedState} then ${reason}`)
  return sql<string | null>`case when ${suppressed} then ${SUPPRESSED} when ${state} is null then ${ERASED}
    else case ${state} ${sql.join(cases, sql` `)} end end`
}
