import type { Clock } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import { planEdition } from '../../src/editions/plan/plan.ts'
import { makeManualRequest } from '../../src/editions/plan-request.ts'
import { handClock } from './clock.ts'
import { NOON, type World } from './world.ts'

/** Plans by hand, at noon unless told otherwise, what is new to the readers of `world`; the edition's id, 0 for none. */
export async function planByHand(
  db: Database,
  world: Pick<World, 'newsletterId'>,
  clock: Clock = handClock(NOON),
): Promise<number> {
  const { edition } = await planEdition(db, makeManualRequest(world.newsletterId, null, null), clock)
  return edition?.id ?? 0
}
