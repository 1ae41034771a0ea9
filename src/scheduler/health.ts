import { setTimeout as delay } from 'node:timers/promises'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { countPostponed } from '../delivery/notices/notice-rejections.ts'
import { findPausedForRejections } from '../delivery/results/rejection-limit.ts'
import { codeOf, reasonOf } from '../errors.ts'
import { readSpentBudget } from '../subscribers/form-limits.ts'
import { readLastBeat } from './heartbeat.ts'
import { findWriteFault } from './write-check.ts'

/** Whether digests go out on time, and the reasons if not; `warnings` are for people, and do not affect `ready`. */
type Health = { readonly ready: boolean; readonly reasons: readonly string[]; readonly warnings?: readonly string[] }

/** Heartbeats come once a minute; after two missed ones the scheduler counts as dead. */
const MAX_BEAT_AGE_SECONDS = 120
/** `/readyz` answers within this; a pool would wait a minute for a connection. */
const ANSWER_MS = 5_000

/**
 * Finds out within `answerMs` whether the database answers and accepts changes, a scheduler is alive in some process, and no
 * edition is paused for its rejections. Never throws.
 */
export async function readHealth(db: Database, now: Temporal.Instant, answerMs = ANSWER_MS): Promise<Health> {
  const late = new AbortController()
  try {
    const checking = check(db, now)
    const timeout = delay(answerMs, 'timeout' as const, { signal: late.signal, ref: false })
    timeout.catch(() => {})
    checking.catch(() => {})
    const answer = await Promise.race([checking, timeout])
    return answer === 'timeout' ? failing(`The database has not answered within ${answerMs / 1000} s.`) : answer
  } catch (error) {
    return failing(`The database does not answer (${describeError(error)}). Check that it runs.`)
  } finally {
    late.abort()
  }
}

/** Where the database accepts no changes, heartbeats cannot be recorded, so that is the reason to report. */
async function check(db: Database, now: Temporal.Instant): Promise<Health> {
  const beatAt = await readLastBeat(db)
  const fault = await findWriteFault(db)
  const pausedIds = await findPausedForRejections(db)
  const postponed = await countPostponed(db)
  const reasons = [...(fault === null ? checkBeat(beatAt, now).reasons : [fault]), ...pausedIds.map(describePaused)]
  const spent = await readSpentBudget(db, now)
  // Anybody can cause these two by filling in forms, so they must not take a server out of service.
  const warnings = [
    ...(postponed === 0 ? [] : [describePostponed(postponed)]),
    ...(spent === null ? [] : [describeFlood(spent)]),
  ]
  return { ready: reasons.length === 0, reasons, ...(warnings.length > 0 && { warnings }) }
}

function checkBeat(beatAt: Temporal.Instant | null, now: Temporal.Instant): Health {
  if (beatAt === null)
    return failing('No scheduler has run on this database yet. Start one: courant serve --roles scheduler.')
  const ageSeconds = Math.round(now.since(beatAt).total('seconds'))
  if (ageSeconds < -MAX_BEAT_AGE_SECONDS)
    return failing(
      `The scheduler was last alive at ${beatAt}, which is in the future: the clock was set back and no scheduler has run since. ` +
        'Check the clock, and start it (courant serve --roles scheduler).',
    )
  if (ageSeconds <= MAX_BEAT_AGE_SECONDS) return { ready: true, reasons: [] }
  return failing(
    `The scheduler was last alive ${describeAge(ageSeconds)} ago (${beatAt}), although a heartbeat is due every minute, so digests are late. ` +
      'Start it again (courant serve --roles scheduler), or check its log.',
  )
}

/** Without the relay's reply: anybody can request this, and a reply may name a reader. */
const describePaused = (editionId: number) =>
  `Edition ${editionId} is paused: its relay rejected too many readers permanently. "courant edition show ${editionId}" shows details.`
const describePostponed = (notices: number) =>
  `${notices} confirmation mails wait: a relay rejected too many permanently, so no address is suppressed for it. They are tried again; ` +
  'once the relay works again, "courant notice resume" does so at once.'
const describeFlood = (perHour: number) =>
  `More than ${perHour} subscribe forms came within an hour, and those beyond that are ignored. Check who sends them; if they are ` +
  'readers, raise SUBSCRIBE_BUDGET.'

const failing = (reason: string): Health => ({ ready: false, reasons: [reason] })

function describeAge(seconds: number): string {
  if (seconds < 600) return `${seconds} s`
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} minutes`
  return `${Math.round(seconds / 3600)} hours`
}

/** A code where there is one: anybody can request this, and messages name hosts and users. */
function describeError(error: unknown): string {
  return codeOf(error) ?? reasonOf(error instanceof Error && error.cause instanceof Error ? error.cause : error)
}
