import { type Logger, pino } from 'pino'

export type { Logger }

/** A log that writes one JSON line an event to stderr: ids and facts, never an address, token or mail body. */
export function openLog(level: string): Logger {
  return pino({ level, base: null }, pino.destination({ dest: 2, sync: true }))
}
