import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { dropOldPartition } from '../editions/retention/drop-partitions.ts'
import { createPartitionsAhead } from '../editions/retention/make-partitions.ts'
import type { Logger } from '../log.ts'
import { expireRequests } from '../subscribers/confirmation/expire.ts'
import { queueReminders } from '../subscribers/confirmation/remind.ts'
import { correctDueTimes, isPlannedAhead, wasSetBack } from './clock-correction.ts'
import { readLastBeat, recordBeat } from './heartbeat.ts'

/** What house-keeping did: reminders queued, requests that expired. */
export type MaintenanceReport = { readonly reminders: number; readonly expired: number }

export const NO_MAINTENANCE: MaintenanceReport = { reminders: 0, expired: 0 }

/**
 * Says that the scheduler is alive, mends due times when the clock was set back, queues reminders of requests, drops
 * requests that nobody confirmed, makes room for the deliveries to come, and drops old ones.
 */
export async function runMaintenance(db: Database, log: Logger, clock: Clock): Promise<MaintenanceReport> {
  const now = clock.now()
  if (wasSetBack(await readLastBeat(db), now) || (await isPlannedAhead(db, now))) {
    const cohorts = await correctDueTimes(db, now)
    log.warn({ cohorts }, 'clock.corrected')
  }
  await recordBeat(db, now)
  const house = { reminders: await queueReminders(db, now), expired: await expireRequests(db, now) }
  await createPartitionsAhead(db)
  const partition = await dropOldPartition(db, now)
  if (partition !== null) log.info({ partition }, 'deliveries.dropped')
  return house
}
