import { type ConsentEvent, inWords } from '../consent.ts'
import { becomesActive, type Candidate } from './candidate.ts'

/** The consent record of a decided wish, or none where nothing about consent changes; `asked`: a confirmation was queued. */
export function evidenceOf(candidate: Candidate, subscriptionId: number, asked: boolean): readonly ConsentEvent[] {
  const action = actionOf(candidate, asked)
  if (action === null) return []
  const { by, choice, topics, confirmed, shown } = candidate.enrolment
  const said = Object.entries({ ...choice, topics, confirmedAt: confirmed?.at }).filter(([, value]) => value != null)
  const proof = becomesActive(candidate) && confirmed !== null ? inWords(confirmed.evidence) : null
  const evidence = proof ?? shown ?? null
  return [{ subscriptionId, action, evidence, details: { by, ...Object.fromEntries(said) } }]
}

function actionOf(candidate: Candidate, asked: boolean): ConsentEvent['action'] | null {
  const { enrolment, standing, step } = candidate
  if (becomesActive(candidate)) return enrolment.by === 'import' ? 'imported' : 'confirmed'
  if (step.kind === 'keep') return asked ? 'requested' : null
  return asked || standing?.state !== step.to.state ? 'requested' : 'changed'
}
