import type { Clock } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { dropOldPartition } from '../editions/retention/drop-partitions.ts'
import { createPartitionsAhead } from '../editions/retention/make-partitions.ts'
import type { Logger } from '../log.ts'
import { expireRequests } from '../subscribers/confirmation/expire.ts'
import { queueReminders } from '../subscribers/confirmation/remind.ts'
import { isPlannedAhead, rewindDueTimes, wasSetBack } from './clock-correction.ts'
import { beat, readBeat } from './heartbeat.ts'

/** What house-keeping did: reminders queued, requests that expired. */
export type House = { readonly reminders: number; readonly expired: number }

export const NOTHING_KEPT: House = { reminders: 0, expired: 0 }

/**
 * Says that the scheduler is alive, mends due times when the clock was set back, queues reminders of requests, drops
 * requests that nobody confirmed, makes room for the deliveries to come, and drops old ones.
 */
export async function keepHouse(db: Database, log: Logger, clock: Clock): Promise<House> {
  const now = clock.now()
  if (wasSetBack(await readBeat(db), now) || (await isPlannedAhead(db, now))) {
    const cohorts = await rewindDueTimes(db, now)
    log.warn({ cohorts }, 'clock.corrected')
  }
  await beat(db, now)
  const house = { reminders: await queueReminders(db, now), expired: await expireRequests(db, now) }
  await createPartitionsAhead(db)
  const partition = await dropOldPartition(db, now)
  if (partition !== null) log.info({ partition }, 'deliveries.dropped')
  return house
}
