import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { dropOldPartition } from '../editions/retention/drop-partitions.ts'
import { createPartitionsAhead } from '../editions/retention/make-partitions.ts'
import type { Logger } from '../log.ts'
import { expireRequests } from '../subscribers/confirmation/expire.ts'
import { queueReminders } from '../subscribers/confirmation/remind.ts'
import { correctDueTimes, isPlannedAhead, wasSetBack } from './clock-correction.ts'
import { readLastBeat, recordBeat } from './heartbeat.ts'

/** What maintenance did: how many reminders were queued, and how many requests expired. */
export type MaintenanceReport = { readonly reminders: number; readonly expired: number }

export const NO_MAINTENANCE: MaintenanceReport = { reminders: 0, expired: 0 }

/**
 * Runs what is due each minute: corrects due times when the clock was set back, records the scheduler's heartbeat, queues
 * reminders, deletes requests that were not confirmed, and creates and drops partitions of deliveries.
 */
export async function runMaintenance(db: Database, log: Logger, clock: Clock): Promise<MaintenanceReport> {
  const now = clock.now()
  if (wasSetBack(await readLastBeat(db), now) || (await isPlannedAhead(db, now))) {
    const cohorts = await correctDueTimes(db, now)
    log.warn({ cohorts }, 'clock.corrected')
  }
  await recordBeat(db, now)
  const report = { reminders: await queueReminders(db, now), expired: await expireRequests(db, now) }
  await createPartitionsAhead(db)
  const partition = await dropOldPartition(db, now)
  if (partition !== null) log.info({ partition }, 'deliveries.dropped')
  return report
}
