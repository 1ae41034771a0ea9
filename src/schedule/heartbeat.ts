import { eq } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { heartbeat } from '../db/schema/installation.ts'

/** Says that the scheduler is alive; a clock that was set back is believed. */
export async function beat(db: Database, now: Temporal.Instant): Promise<void> {
  await db
    .insert(heartbeat)
    .values({ name: 'scheduler', at: now })
    .onConflictDoUpdate({ target: heartbeat.name, set: { at: now } })
}

/** When the scheduler was last alive; null when it never was. */
export async function readBeat(db: Database): Promise<Temporal.Instant | null> {
  const rows = await db.select({ at: heartbeat.at }).from(heartbeat).where(eq(heartbeat.name, 'scheduler')).limit(1)
  return rows[0]?.at ?? null
}
