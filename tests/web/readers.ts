import { eq } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'
import { notice, subscription } from '../../src/db/schema/subscriber.ts'
import type { TestSite } from './site.ts'

/** Asks for newsletters by the form, and returns the path of the confirmation link. */
export async function askFor(
  site: TestSite,
  db: Database,
  newsletter: string | string[],
  email = 'lea@example.net',
): Promise<string> {
  await site.post('/subscribe', { newsletter, email, timeZone: 'America/New_York' })
  const notices = await db.select({ id: notice.id }).from(notice)
  return `/confirm/${site.token('confirm', notices.at(-1)?.id ?? 0)}`
}

/** The states of all subscriptions, oldest first. */
export async function states(db: Database): Promise<readonly string[]> {
  const rows = await db.select({ state: subscription.state }).from(subscription).orderBy(subscription.id)
  return rows.map(({ state }) => state)
}

/** The state of one subscription. */
export async function stateOf(db: Database, id: number): Promise<string | undefined> {
  const rows = await db.select({ state: subscription.state }).from(subscription).where(eq(subscription.id, id))
  return rows[0]?.state
}
