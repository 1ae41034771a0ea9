import type { ConsentEvent } from '../consent.ts'
import { becomesActive, type Candidate } from './candidate.ts'

/** The consent record of a decided wish, or none where nothing about consent changes; `asked`: a confirmation was queued. */
export function evidenceOf(candidate: Candidate, subscriptionId: number, asked: boolean): readonly ConsentEvent[] {
  const action = actionOf(candidate, asked)
  if (action === null) return []
  const { by, choice, topics, confirmed } = candidate.enrolment
  const said = Object.entries({ ...choice, topics, confirmedAt: confirmed?.at }).filter(([, value]) => value != null)
  const evidence = becomesActive(candidate) ? (confirmed?.evidence ?? null) : null
  return [{ subscriptionId, action, evidence, details: { by, ...Object.fromEntries(said) } }]
}

function actionOf(candidate: Candidate, asked: boolean): ConsentEvent['action'] | null {
  const { enrolment, standing, step } = candidate
  if (becomesActive(candidate)) return enrolment.by === 'import' ? 'imported' : 'confirmed'
  if (step.kind === 'keep') return asked ? 'requested' : null
  return asked || standing?.state !== step.to.state ? 'requested' : 'changed'
}
