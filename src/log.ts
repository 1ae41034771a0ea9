import { type Logger, pino } from 'pino'

export type { Logger }

/**
 * A log that writes one JSON line an event to stderr: ids and facts, never an address, token or mail body. Where a line
 * cannot be written, since the disk is full or nobody reads any more, it is lost, and the work goes on.
 */
export function openLog(level: string): Logger {
  const destination = pino.destination({ dest: 2, sync: true })
  destination.on('error', () => {})
  return pino({ level, base: null }, destination)
}
