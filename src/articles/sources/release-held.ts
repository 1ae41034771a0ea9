import { sql } from 'drizzle-orm'
import type { Temporal } from '../../clock.ts'
import type { Database } from '../../db/client.ts'
import { admitHeld, markSeen } from '../store/admit-held.ts'
import { withStoreLock } from '../store/store-lock.ts'
import { findSource } from './change-source.ts'

/** What becomes of held articles: `letIn` makes them new to readers, `markSeen` known and shown to nobody. */
type Release = 'letIn' | 'markSeen'

/** A source, and how many of its articles were held until now. */
type Released = { readonly id: number; readonly url: string; readonly articles: number }

/**
 * Decides about all articles of a source, named by id or URL, that the flood guard holds.
 *
 * @throws CourantError `source.unknown`.
 */
export async function releaseHeld(
  db: Database,
  name: string,
  release: Release,
  now: Temporal.Instant,
): Promise<Released> {
  return withStoreLock(db, async (tx) => {
    const { id, url } = await findSource(tx, name)
    const which = sql`source_id = ${id}`
    const articles = release === 'letIn' ? await admitHeld(tx, which, now) : (await markSeen(tx, which, now)).length
    return { id, url, articles }
  })
}
