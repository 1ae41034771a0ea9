import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { CourantError } from '../../errors.ts'
import { oneLine } from '../../locale/clean-line.ts'
import { checkAddress } from '../../mail/addresses/address.ts'
import type { SignupResult } from './apply.ts'
import type { SignupRefusal, SignupRequest } from './candidate.ts'
import { signUp } from './sign-up.ts'

/** A wish to subscribe with the address as it was typed. */
export type SubscribeRequest = Omit<SignupRequest, 'address'> & { readonly email: string }

/**
 * The one door to a subscription, whoever opens it. With proof of consent it is active at once; without, it is pending
 * and a confirmation mail is queued. A subscription that exists is brought to what an administrator says; a form changes
 * nothing for who has confirmed, and who left comes back with proof or a new confirmation only.
 *
 * @throws CourantError `address.invalid`, `subscriber.suppressed`, `subscriber.frequency`, `subscriber.busy`.
 */
export async function subscribe(db: Database, request: SubscribeRequest, now: Temporal.Instant): Promise<SignupResult> {
  const { email, name, topics, ...wish } = request
  const checked = checkAddress(email)
  if (checked.address === null)
    throw new CourantError('address.invalid', {
      what: 'The address cannot be subscribed.',
      why: checked.reason ?? undefined,
      todo: checked.suggestion === null ? 'Correct it.' : `Was ${checked.suggestion} meant?`,
    })
  const clean = {
    name: oneLine(name ?? '') || null,
    topics: topics === null ? null : topics.map(oneLine).filter(Boolean),
  }
  const [outcomes] = await signUp(db, [{ ...wish, ...clean, address: checked.address }], now)
  if (outcomes === undefined) throw new RangeError('one wish has one outcome')
  if (outcomes.kind === 'refused') throw refusalError(outcomes.reason)
  return outcomes
}

function refusalError(reason: SignupRefusal): CourantError {
  switch (reason) {
    case 'suppressed':
      return new CourantError('subscriber.suppressed', {
        what: 'Nothing is sent to this address.',
        why: 'It bounced, complained, was erased or was blocked.',
        todo: '"courant subscriber show" says which.',
      })
    case 'frequency':
      return new CourantError('subscriber.frequency', {
        what: 'The newsletter does not offer this frequency.',
        todo: '"courant newsletter show" lists those it offers.',
      })
    case 'unsubscribed':
      return new CourantError('subscriber.unsubscribed', {
        what: 'This reader left the newsletter.',
        todo: 'They come back by subscribing themselves.',
      })
  }
}
