import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { CourantError } from '../../errors.ts'
import { type Candidate, type Enrolment, type Refused, readCandidates } from './candidate.ts'
import { type Settled, settle } from './settle.ts'

/** What became of a wish to subscribe. */
export type Enrolled = Settled | Refused

const MOST_TRIES = 10

/**
 * Signs readers up in one transaction and a fixed number of statements, however many they are (a few thousand at most;
 * each reader once a newsletter). Outcomes come in the order given.
 */
export async function enrol(
  db: Database,
  enrolments: readonly Enrolment[],
  now: Temporal.Instant,
): Promise<readonly Enrolled[]> {
  for (let tries = 1; tries <= MOST_TRIES; tries++) {
    const enrolled = await db.transaction((tx) => enrolOnce(tx, enrolments, now)).catch(orOvertaken)
    if (enrolled !== null) return enrolled
  }
  throw new CourantError('subscriber.busy', {
    what: 'The subscription keeps changing under our hands.',
    todo: 'Try again in a moment.',
  })
}

async function enrolOnce(
  tx: Database,
  enrolments: readonly Enrolment[],
  now: Temporal.Instant,
): Promise<readonly Enrolled[]> {
  const read = await readCandidates(tx, enrolments, now)
  const candidates = read.filter((one): one is Candidate => one.kind === 'candidate')
  const settled = await settle(tx, candidates, now)
  if (settled === null) throw new Overtaken()
  return read.map((one) => (one.kind === 'refused' ? one : (settled.get(one) ?? unsettled())))
}

/** A reader left or moved between reading and locking: undo all, read again. */
class Overtaken extends Error {}

function orOvertaken(error: unknown): null {
  if (error instanceof Overtaken) return null
  throw error
}

function unsettled(): never {
  throw new RangeError('a candidate was not settled')
}
