import { randomBytes } from 'node:crypto'
import type { Database } from '../../src/db/client.ts'
import { notice, subscriber, subscription } from '../../src/db/schema/subscriber.ts'
import { NOON, type World } from '../support/world.ts'

/** Queues a confirmation mail for each of `count` new readers, who signed up for the newsletters of all `worlds`. */
export async function queueConfirmations(
  db: Database,
  count: number,
  worlds: readonly World[],
  dueAt = NOON,
): Promise<readonly number[]> {
  const ids: number[] = []
  for (let at = 0; at < count; at++) {
    const email = `neu${at}@leser.example`
    const [reader] = await db
      .insert(subscriber)
      .values({ email, emailKey: email, emailHash: randomBytes(32), locale: 'de', createdAt: NOON })
      .returning({ id: subscriber.id })
    const subscriberId = reader?.id ?? 0
    const rows = worlds.map(({ newsletterId, cohortId }) => ({ newsletterId, cohortId, subscriberId }))
    const asked = await db
      .insert(subscription)
      .values(rows.map((row) => ({ ...row, state: 'pending' as const, createdAt: NOON })))
      .returning({ id: subscription.id })
    const payload = { subscriptionIds: asked.map(({ id }) => id) }
    const [made] = await db
      .insert(notice)
      .values({ kind: 'confirmation', subscriberId, payload, nonce: randomBytes(16), dueAt, createdAt: NOON })
      .returning({ id: notice.id })
    ids.push(made?.id ?? 0)
  }
  return ids
}
