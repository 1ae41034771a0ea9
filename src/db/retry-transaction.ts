import { systemClock } from '../clock.ts'
import { CourantError } from '../errors.ts'
import type { Database } from './client.ts'
import { retryTransient } from './transient.ts'

/** A subscription changed between reading and locking it: undo all, read again. */
export class ChangedConcurrently extends Error {}

const MOST_TRIES = 10
/** Somebody waits for the answer to a form: 350 ms in all. */
const TRIES_AFTER_FAULTS = 4

/**
 * Runs a transaction, and again from its start while it is overtaken, or where it failed for a reason that may pass. The
 * answer to its commit may be lost: done twice it must do no more than once.
 *
 * @throws CourantError `subscriber.busy` after ten times.
 */
export async function retryOnConflict<T>(db: Database, work: (tx: Database) => Promise<T>): Promise<T> {
  for (let tries = 1; tries <= MOST_TRIES; tries++) {
    const attempt = () => db.transaction(async (tx) => ({ value: await work(tx) })).catch(orOvertaken)
    const settled = await retryTransient(systemClock, attempt, { mayRepeat: (count) => count < TRIES_AFTER_FAULTS })
    if (settled !== null) return settled.value
  }
  throw new CourantError('subscriber.busy', {
    what: 'The subscription was changed concurrently.',
    todo: 'Try again in a moment.',
  })
}

function orOvertaken(error: unknown): null {
  if (error instanceof ChangedConcurrently) return null
  throw error
}
