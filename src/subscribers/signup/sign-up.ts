import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { Overtaken, settleInTransaction } from '../../db/retry-transaction.ts'
import { type Settled, settle } from './apply.ts'
import { type Candidate, type Enrolment, type Refused, readCandidates } from './candidate.ts'

/** What became of a wish to subscribe. */
export type Enrolled = Settled | Refused

/**
 * Signs readers up in one transaction and a fixed number of statements, however many they are (a few thousand at most;
 * each reader once a newsletter). Outcomes come in the order given.
 *
 * @throws CourantError `subscriber.busy`.
 */
export async function enrol(
  db: Database,
  enrolments: readonly Enrolment[],
  now: Temporal.Instant,
): Promise<readonly Enrolled[]> {
  return settleInTransaction(db, async (tx) => {
    const read = await readCandidates(tx, enrolments, now)
    const candidates = read.filter((one): one is Candidate => one.kind === 'candidate')
    const settled = await settle(tx, candidates, now)
    if (settled === null) throw new Overtaken()
    return read.map((one) => (one.kind === 'refused' ? one : (settled.get(one) ?? unsettled())))
  })
}

function unsettled(): never {
  throw new RangeError('a candidate was not settled')
}
