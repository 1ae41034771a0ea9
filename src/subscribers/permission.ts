import { type SQL, sql } from 'drizzle-orm'
import type { subscription } from '../db/schema/subscriber.ts'

/** What a mail is for: a digest, or the mail that asks for confirmation and its reminder. */
export type Purpose = 'digest' | 'confirmation'
export type SubscriptionState = (typeof subscription.$inferSelect)['state']

/** Who a mail is for; a state of null is a subscription that is no more. */
type MailQuestion = {
  readonly purpose: Purpose
  readonly subscriptionState: SubscriptionState | null
  readonly suppressed: boolean
  /** The reader asked for this confirmation long after the address bounced (`isRetried`): it may go all the same. */
  readonly retried?: boolean
}

export type MailAnswer =
  | { readonly may: true }
  | { readonly may: false; readonly state: 'skipped' | 'suppressed'; readonly reason: string }

const SUPPRESSED = 'suppressed'
const ERASED = 'erased'

type Reasons = Readonly<Record<SubscriptionState, string | null>>

/** Why nothing of this purpose goes to a subscription in this state; null where it may. */
const REASONS: Readonly<Record<Purpose, Reasons>> = {
  digest: { pending: 'unconfirmed', active: null, paused: 'paused', unsubscribed: 'unsubscribed' },
  confirmation: { pending: null, active: 'confirmed', paused: 'confirmed', unsubscribed: 'unsubscribed' },
}
/** Who has confirmed is asked anew where the address bounced: confirming lifts the suppression. */
const REASONS_RETRIED: Reasons = { pending: null, active: null, paused: null, unsubscribed: 'unsubscribed' }

/** Whether a mail may go out (DESIGN I3), and else the state and reason its row ends with. The one rule for every path. */
export function mayMail({ purpose, subscriptionState, suppressed, retried = false }: MailQuestion): MailAnswer {
  const isRetry = suppressed && retried && purpose === 'confirmation'
  if (suppressed && !isRetry) return { may: false, state: 'suppressed', reason: SUPPRESSED }
  const reasons = isRetry ? REASONS_RETRIED : REASONS[purpose]
  const reason = subscriptionState === null ? ERASED : reasons[subscriptionState]
  return reason === null ? { may: true } : { may: false, state: 'skipped', reason }
}

/**
 * `mayMail` inside a statement: the reason against a mail, or null where it may go. `state` is the subscription's (null
 * when it is no more), `suppressed` and `retried` are conditions; a reason `suppressed` ends in that state, every other
 * in `skipped`.
 */
export function whyNotMail(
  purpose: Purpose,
  state: SQL,
  suppressed: SQL,
  retried: SQL = sql`false`,
): SQL<string | null> {
  const isRetry = purpose === 'confirmation' ? retried : sql`false`
  return sql<string | null>`case
    when ${suppressed} then case when ${isRetry} then ${reasonOf(REASONS_RETRIED, state)} else ${SUPPRESSED} end
    else ${reasonOf(REASONS[purpose], state)} end`
}

function reasonOf(reasons: Reasons, state: SQL): SQL {
  const refused = Object.entries(reasons).filter(([, reason]) => reason !== null)
  const cases = refused.map(([refusedState, reason]) => sql`when ${refusedState} then ${reason}`)
  return sql`case when ${state} is null then ${ERASED} else case ${state} ${sql.join(cases, sql` `)} end end`
}
