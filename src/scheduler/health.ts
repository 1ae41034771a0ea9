import { setTimeout as pause } from 'node:timers/promises'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { countPostponed } from '../delivery/notices/notice-rejections.ts'
import { findPausedForRejections } from '../delivery/results/rejection-limit.ts'
import { codeOf, reasonOf } from '../errors.ts'
import { readSpentBudget } from '../subscribers/form-limits.ts'
import { readLastBeat } from './heartbeat.ts'
import { findWriteFault } from './write-check.ts'

/** Whether digests go out on time, and what keeps them from it; `warnings` are for people, and keep nothing from its work. */
type Health = { readonly ready: boolean; readonly reasons: readonly string[]; readonly warnings?: readonly string[] }

/** The scheduler beats once a minute; after two beats missed it is taken for dead. */
const OLDEST_BEAT_SECONDS = 120
/** Whoever asks `/readyz` does not wait longer; a pool waits a minute for a connection. */
const ANSWER_MS = 5_000

/**
 * Says within `answerMs` whether the database answers and takes changes, a scheduler, in whichever process, is alive, and no
 * edition waits for somebody to look at its refusals. Never throws.
 */
export async function readHealth(db: Database, now: Temporal.Instant, answerMs = ANSWER_MS): Promise<Health> {
  const late = new AbortController()
  try {
    const looked = look(db, now)
    const silence = pause(answerMs, 'silent' as const, { signal: late.signal, ref: false })
    silence.catch(() => {})
    looked.catch(() => {})
    const answer = await Promise.race([looked, silence])
    return answer === 'silent' ? failing(`The database has not answered within ${answerMs / 1000} s.`) : answer
  } catch (error) {
    return failing(`The database does not answer (${sayCode(error)}). Check that it runs.`)
  } finally {
    late.abort()
  }
}

/** Where the database takes no changes, the scheduler cannot say that it is alive. */
async function look(db: Database, now: Temporal.Instant): Promise<Health> {
  const beatAt = await readLastBeat(db)
  const fault = await findWriteFault(db)
  const inDoubt = await findPausedForRejections(db)
  const doubted = await countPostponed(db)
  const reasons = [...(fault === null ? judge(beatAt, now).reasons : [fault]), ...inDoubt.map(sayInDoubt)]
  const spent = await readSpentBudget(db, now)
  // Strangers cause these two with what they type into a form: they are not to take a server out of service.
  const warnings = [...(doubted === 0 ? [] : [sayDoubted(doubted)]), ...(spent === null ? [] : [sayFlood(spent)])]
  return { ready: reasons.length === 0, reasons, ...(warnings.length > 0 && { warnings }) }
}

function judge(beatAt: Temporal.Instant | null, now: Temporal.Instant): Health {
  if (beatAt === null)
    return failing('No scheduler has run on this database yet. Start one: courant serve --roles scheduler.')
  const ageSeconds = Math.round(now.since(beatAt).total('seconds'))
  if (ageSeconds < -OLDEST_BEAT_SECONDS)
    return failing(
      `The scheduler was last alive at ${beatAt}, which is still to come: the clock was set back and no scheduler has run since. ` +
        'Check the clock, and start it (courant serve --roles scheduler).',
    )
  if (ageSeconds <= OLDEST_BEAT_SECONDS) return { ready: true, reasons: [] }
  return failing(
    `The scheduler was last alive ${sayAge(ageSeconds)} ago (${beatAt}), though it beats every minute, so digests are late. ` +
      'Start it again (courant serve --roles scheduler), or look into its log.',
  )
}

/** Anybody may ask: what the relay said may name a reader. */
const sayInDoubt = (editionId: number) =>
  `Edition ${editionId} is paused: its relay refused too many readers for good. "courant edition show ${editionId}" says more.`
const sayDoubted = (notices: number) =>
  `${notices} confirmation mails wait: a relay refused too many for good, so nobody is suppressed for it. They are tried again; ` +
  'once the relay is well, "courant notice resume" does so at once.'
const sayFlood = (perHour: number) =>
  `More than ${perHour} subscribe forms came within an hour, and those on top are not heeded. Look who sends them; if they are ` +
  'readers, raise SUBSCRIBE_BUDGET.'

const failing = (reason: string): Health => ({ ready: false, reasons: [reason] })

function sayAge(seconds: number): string {
  if (seconds < 600) return `${seconds} s`
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} minutes`
  return `${Math.round(seconds / 3600)} hours`
}

/** A code where there is one, since anybody may ask: messages name hosts and users. */
function sayCode(error: unknown): string {
  return codeOf(error) ?? reasonOf(error instanceof Error && error.cause instanceof Error ? error.cause : error)
}
