import { readFileSync } from 'node:fs'
import { CourantError } from '../errors.ts'

/** What Node, its threads, the log and all database pools keep open, both ends of a socket counted on the embedded database. */
const OWN = 96
/** PostgreSQL works with no fewer (`max_files_per_process`), and has no use for more. */
const LEAST_ENGINE = 64
const MOST_ENGINE = 1_000
/** What part of the rest each kind of connection may take; half of it is the embedded engine's. */
const PARTS = { relays: 1 / 8, hosts: 1 / 8, clients: 1 / 4 }
/** With fewer there is no room for a few connections of each kind beside what is always open. */
const LEAST = { postgres: OWN + 32, embedded: OWN + LEAST_ENGINE + 64 }

/** How many files and connections this process may have open; null where there is no limit, or it is not known (not Linux). */
export function readDescriptorLimit(): number | null {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return limit === undefined ? null : Number(limit)
  } catch {
    return null
  }
}

/**
 * Refuses to begin where files and connections would run out in the middle of the work.
 *
 * @throws CourantError `machine.descriptors`.
 */
export function requireDescriptors(engine: keyof typeof LEAST, limit = readDescriptorLimit()): void {
  if (limit === null || limit >= LEAST[engine]) return
  const database = engine === 'embedded' ? 'the embedded database' : 'PostgreSQL'
  throw new CourantError('machine.descriptors', {
    what: `This process may have no more than ${limit} files and connections open at once (ulimit -n).`,
    why: `With ${database} it takes at least ${LEAST[engine]}, and would fail in the middle of its work. Nothing was begun.`,
    todo: 'Raise the limit and start again: "ulimit -n 1024" in a shell, LimitNOFILE=1024 in a systemd unit, --ulimit nofile=1024 for a container.',
  })
}

/** How many files the embedded engine keeps open: half of what there is beside the rest. */
export function fitEngineFiles(limit = readDescriptorLimit()): number {
  if (limit === null) return MOST_ENGINE
  return Math.min(MOST_ENGINE, Math.max(LEAST_ENGINE, Math.floor((limit - OWN) / 2)))
}

/** How many connections of one kind (to relays, to hosts of feeds, of web clients) fit, of those wanted. */
export function fitConnections(kind: keyof typeof PARTS, wanted: number, limit = readDescriptorLimit()): number {
  return limit === null ? wanted : Math.max(1, Math.min(wanted, Math.floor((limit - OWN) * PARTS[kind])))
}
