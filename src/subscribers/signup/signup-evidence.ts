import { type ConsentEvent, describeConsent } from '../consent.ts'
import { becomesActive, type SignupCandidate } from './candidate.ts'

/** The consent record of a decided wish, or none where nothing about consent changes; `asked`: a confirmation was queued. */
export function signupEvidence(
  candidate: SignupCandidate,
  subscriptionId: number,
  asked: boolean,
): readonly ConsentEvent[] {
  const action = actionOf(candidate, asked)
  if (action === null) return []
  const { by, schedule, topics, confirmed, shown } = candidate.request
  const said = Object.entries({ ...schedule, topics, confirmedAt: confirmed?.at }).filter(([, value]) => value != null)
  const proof = becomesActive(candidate) && confirmed !== null ? describeConsent(confirmed.evidence) : null
  const evidence = proof ?? shown ?? null
  return [{ subscriptionId, action, evidence, details: { by, ...Object.fromEntries(said) } }]
}

function actionOf(candidate: SignupCandidate, asked: boolean): ConsentEvent['action'] | null {
  const { request, existing, decision } = candidate
  if (becomesActive(candidate)) return request.by === 'import' ? 'imported' : 'confirmed'
  if (decision.kind === 'keep') return asked ? 'requested' : null
  return asked || existing?.state !== decision.to.state ? 'requested' : 'changed'
}
