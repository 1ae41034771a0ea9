import type { Database } from '../db/client.ts'
import { CourantError } from '../errors.ts'

/** A subscription changed between reading and locking it: undo all, read again. */
export class Overtaken extends Error {}

const MOST_TRIES = 10

/**
 * Runs a transaction, and again from its start while it is overtaken.
 *
 * @throws CourantError `subscriber.busy` after ten times.
 */
export async function settleInTransaction<T>(db: Database, work: (tx: Database) => Promise<T>): Promise<T> {
  for (let tries = 1; tries <= MOST_TRIES; tries++) {
    const settled = await db.transaction(async (tx) => ({ value: await work(tx) })).catch(orOvertaken)
    if (settled !== null) return settled.value
  }
  throw new CourantError('subscriber.busy', {
    what: 'The subscription keeps changing under our hands.',
    todo: 'Try again in a moment.',
  })
}

function orOvertaken(error: unknown): null {
  if (error instanceof Overtaken) return null
  throw error
}
