import type pg from 'pg'
import { type Logger, pino } from 'pino'
import type { Clock } from '../../src/clock.ts'
import type { Database } from '../../src/db/client.ts'
import type { Sender } from '../../src/delivery/worker.ts'
import { loadTemplates } from '../../src/digest/templates/templates.ts'
import { type CrashRelay, openRelay } from '../crash/relay.ts'
import { type FastClock, fastClock, handClock } from '../support/clock.ts'
import { openTestDatabase } from '../support/database.ts'
import { type FailingPool, makeFailing } from '../support/failing.ts'
import { senderTo } from '../support/sender.ts'
import { NOON } from '../support/world.ts'
import { restoreRows, saveRows } from './snapshot.ts'

/** A database whose statements can be made to fail, a relay, and a clock that runs fast. */
export type System = {
  readonly db: Database
  readonly pool: pg.Pool
  readonly engine: 'embedded' | 'postgres'
  readonly failing: FailingPool
  readonly relay: CrashRelay
  readonly sender: Sender
  readonly log: Logger
  /** Events that were logged as errors or warnings, by name. */
  readonly events: readonly string[]
  readonly clock: FastClock
  /** Makes rows at noon, the first time; later ones of this name are copied from those. Call it first. */
  readonly rowsOf: <T>(name: string, make: (clock: Clock) => Promise<T>) => Promise<T>
}

/** A place where one scenario after another is run; `empty` makes the next one's system. */
export type Place = {
  readonly empty: () => Promise<System>
  /** Something was left behind: the next one is given a new database. */
  readonly spoil: () => void
  readonly close: () => Promise<void>
}

/** Plain ones: what mails look like takes time and is tested elsewhere. */
const small = loadTemplates({ dir: new URL('../simulate/templates', import.meta.url).pathname })
const CONNECTIONS = 3
/** Backoffs and leases are over so many times as fast; a statement still takes far less than the second a claim is good for. */
const PACE = 20

/** A relay so slow that readers claimed together are looked at again before the last of them is written to. */
export const PAUSE_MS = 25
/** So slow that leases are prolonged meanwhile. */
export const SLOW_MS = 120

/** Opens a database and a relay. */
export async function openPlace(): Promise<Place> {
  const relay = await openRelay(readArticles)
  const sender = await senderTo(`smtp://127.0.0.1:${relay.ports[0]}?connections=${CONNECTIONS}`)
  const context = { ...sender.context, templates: await small }
  const open = async () => {
    const database = await openTestDatabase()
    const made = new Map<string, unknown>()
    const rowsOf: System['rowsOf'] = async (name, make) => {
      // What was made under a name is of its type.
      if (made.has(name))
        return restoreRows(database.db, name).then(() => made.get(name) as Awaited<ReturnType<typeof make>>)
      const value = await make(handClock(NOON))
      await saveRows(database.db, name)
      made.set(name, value)
      return value
    }
    return { database, failing: makeFailing(database.pool, database.engine), rowsOf, spoilt: false }
  }
  let current = await open()
  return {
    empty: async () => {
      if (current.spoilt) {
        void current.database.close()
        current = await open()
      }
      const { database, failing, rowsOf } = current
      const { db, pool, engine } = database
      await database.truncate()
      Object.assign(relay, { refuse: () => null, resets: () => false, pauseMs: 0, onTaken: () => {} })
      failing.forget()
      const { log, events } = openTestLog()
      const clock = fastClock(NOON, PACE)
      return { db, pool, engine, failing, relay, sender: { ...sender, context, log }, log, events, clock, rowsOf }
    },
    spoil: () => {
      current.spoilt = true
    },
    close: async () => {
      await current.database.close()
      await relay.close()
    },
  }
}

/** The articles a message shows; the links of `makeWorld` are ASCII, and only soft line breaks tear them. */
function readArticles(content: Buffer): readonly number[] {
  const text = content.toString('latin1').replaceAll('=\r\n', '')
  return [...new Set([...text.matchAll(/\/\/example\.org\/morgen\/(\d+)/g)].map(([, number]) => Number(number)))]
}

/** A log that only remembers what went wrong. */
function openTestLog(): Pick<System, 'log' | 'events'> {
  const events: string[] = []
  const write = (line: string) => {
    const { msg }: { msg?: string } = JSON.parse(line)
    if (msg !== undefined) events.push(msg)
  }
  return { log: pino({ level: 'warn' }, { write }), events }
}
