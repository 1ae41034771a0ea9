import { type Clock, clockFrom, type Temporal } from '../../clock.ts'

/** The clock of a command that takes `--now`: it begins at that instant, and is the command's own where none is given. */
export function clockAt(now: Temporal.Instant | undefined, clock: Clock): Clock {
  return now === undefined ? clock : clockFrom(now)
}
