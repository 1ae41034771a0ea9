import { type Clock, clockFrom, Temporal } from '../../clock.ts'
import { CourantError } from '../../errors.ts'

/**
 * The clock of a command that takes `--now`: it begins at that instant, and is the command's own where none is given.
 *
 * @throws CourantError `usage`.
 */
export function clockAt(now: string | undefined, clock: Clock): Clock {
  if (now === undefined) return clock
  try {
    return clockFrom(Temporal.Instant.from(now))
  } catch {
    throw new CourantError('usage', { what: `--now takes an instant such as 2026-05-03T07:00:00Z, not ${now}.` })
  }
}
