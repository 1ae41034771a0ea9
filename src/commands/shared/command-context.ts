import type { Writable } from 'node:stream'
import { type Clock, systemClock } from '../../clock.ts'
import { type Config, readConfig, readEnvironment } from '../../config/config.ts'
import type { Database, OpenDatabase } from '../../db/client.ts'
import { DatabaseClock } from '../../db/database-clock.ts'
import { type Logger, openLog } from '../../log.ts'

/** A bar on a terminal, nothing in a pipe. */
type Progress = { update(done: number): void; stop(): void }

/** What every command is given: configuration, database, clock, and the one way to answer. */
export type CommandContext = {
  readonly config: () => Config
  readonly log: () => Logger
  /** Goes by the database's clock once the database is open. */
  readonly clock: Clock
  /** Lets the clock go by that of the database; null where it tells the time itself: moved by hand, or with the embedded one. */
  readonly alignedTo: (opened: OpenDatabase) => DatabaseClock | null
  /** Opens the database, brings it up to date, and closes it after use. */
  readonly withDatabase: <T>(use: (db: Database) => Promise<T>) => Promise<T>
  /** The command's answer: one JSON document with `--json`, else the text. */
  readonly print: (result: unknown, text: string) => void
  /** One row of an answer: a line of NDJSON with `--json`, else a line of text. */
  readonly printLine: (row: unknown, text: string) => void
  /** A remark for people, on stderr. */
  readonly warn: (text: string) => void
  readonly progress: (total: number | null, label: string) => Promise<Progress>
}

/** Makes the context of one run; `json` says whether `--json` was given. */
export function makeContext(local: Clock, out: Writable, err: Writable, json: () => boolean): CommandContext {
  const clock = new DatabaseClock(local)
  const alignedTo = (opened: OpenDatabase) => (local === systemClock && opened.engine === 'postgres' ? clock : null)
  let config: Config | null = null
  let log: Logger | null = null
  const readOnce = () => {
    config ??= readConfig(readEnvironment())
    return config
  }
  const print = (result: unknown, text: string) => {
    out.write(`${json() ? JSON.stringify(result) : text}\n`)
  }
  return {
    config: readOnce,
    log: () => {
      log ??= openLog(readOnce().logLevel)
      return log
    },
    clock,
    alignedTo,
    withDatabase: async (use) => {
      // Help and commands without a database start in a third of the time when its packages are not read.
      const [{ openDatabase }, { migrateDatabase }] = await Promise.all([
        import('../../db/client.ts'),
        import('../../db/migrate.ts'),
      ])
      const opened = await openDatabase(readOnce().databaseUrl)
      try {
        await alignedTo(opened)?.align(opened.db)
        await migrateDatabase(opened.db, clock.now())
        return await use(opened.db)
      } finally {
        await opened.close()
      }
    },
    print,
    printLine: print,
    warn: (text) => {
      err.write(`${text}\n`)
    },
    progress: (total, label) => openProgress(total, label),
  }
}

async function openProgress(total: number | null, label: string): Promise<Progress> {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} }
  const { default: cliProgress } = await import('cli-progress')
  const format = total === null ? `${label} {value}` : `${label} {bar} {value}/{total}`
  const bar = new cliProgress.SingleBar({ format, hideCursor: true, stream: process.stderr }, cliProgress.Presets.rect)
  bar.start(total ?? 0, 0)
  return { update: (done) => bar.update(done), stop: () => bar.stop() }
}
