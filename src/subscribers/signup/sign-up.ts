import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { ChangedConcurrently, retryOnConflict } from '../../db/retry-transaction.ts'
import { applyDecisions, type SignupResult } from './apply.ts'
import { type RefusedSignup, readCandidates, type SignupCandidate, type SignupRequest } from './candidate.ts'

/** What became of a wish to subscribe. */
type SignupOutcome = SignupResult | RefusedSignup

/**
 * Signs readers up in one transaction and a fixed number of statements, however many they are (a few thousand at most;
 * each reader once a newsletter). Outcomes come in the order given.
 *
 * @throws CourantError `subscriber.busy`.
 */
export async function signUp(
  db: Database,
  requests: readonly SignupRequest[],
  now: Temporal.Instant,
): Promise<readonly SignupOutcome[]> {
  return retryOnConflict(db, async (tx) => {
    const read = await readCandidates(tx, requests, now)
    const candidates = read.filter((one): one is SignupCandidate => one.kind === 'candidate')
    const settled = await applyDecisions(tx, candidates, now)
    if (settled === null) throw new ChangedConcurrently()
    return read.map((one) => (one.kind === 'refused' ? one : (settled.get(one) ?? changedConcurrently())))
  })
}

function changedConcurrently(): never {
  throw new RangeError('a candidate was not settled')
}
