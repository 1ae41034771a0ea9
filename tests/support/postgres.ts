import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'

/** A PostgreSQL of the tests' own behind a Unix socket, with an empty database `template`. */
export type TestPostgres = {
  readonly socketFolder: string
  readonly stop: () => Promise<void>
  /** Starts it again on the same data and waits until it answers, as `pg_ctl restart -m` would; `crash` is a machine that loses power. */
  readonly restart: (how: 'fast' | 'immediate' | 'crash') => Promise<void>
}

const DEBIAN = '/usr/lib/postgresql'
export const USER = 'courant'
export const PORT = 54_329

/** The folder of PostgreSQL's programs where Debian puts them, newest first, or null. */
export function findPostgres(): string | null {
  if (!existsSync(DEBIAN)) return null
  const versions = readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a))
  return versions.map((version) => join(DEBIAN, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb'))) ?? null
}

/**
 * Starts a PostgreSQL in `folder`, with these settings (`name=value`) on top of the tests' own. As root it runs as the user
 * `postgres`, since it refuses to run as root.
 */
export async function startPostgres(folder: string, further: readonly string[] = []): Promise<TestPostgres> {
  const bin = findPostgres()
  if (bin === null) throw new Error('PostgreSQL was not found; on Debian: apt-get install postgresql')
  const data = join(folder, 'postgres')
  const owner = makeServerFolder(folder, data)
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', USER, '-A', 'trust', '-E', 'UTF8', '--no-sync'], {
    ...owner,
    stdio: 'pipe',
    cwd: data,
  })
  const settings = [
    'fsync=off',
    'synchronous_commit=on',
    'max_connections=200',
    `unix_socket_directories=${data}`,
    'listen_addresses=',
    `port=${PORT}`,
    ...further,
  ]
  const start = () =>
    spawn(join(bin, 'postgres'), ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], {
      ...owner,
      cwd: data,
      stdio: 'ignore',
    })
  let server = start()
  const end = (signal: NodeJS.Signals): Promise<void> =>
    new Promise((resolve) => {
      server.once('exit', () => resolve())
      server.kill(signal)
    })
  await createDatabase(postgresUrl(data, 'postgres'), 'template')
  return {
    socketFolder: data,
    stop: () => end('SIGINT'),
    restart: async (how) => {
      await end(SIGNALS[how])
      server = start()
      await untilAnswers(postgresUrl(data, 'template'))
    },
  }
}

/** What `pg_ctl stop -m` sends. */
const SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT', crash: 'SIGKILL' } as const

/** The URL of one database of the PostgreSQL whose socket lies in `socketFolder`. */
export function postgresUrl(socketFolder: string, database: string): string {
  return `postgresql://${USER}@localhost/${database}?host=${encodeURIComponent(socketFolder)}&port=${PORT}`
}

/** Makes a database, as a copy of `template` where it is given; waits for a server that is only just starting. */
export async function createDatabase(url: string, name: string, template?: string): Promise<void> {
  await ask(url, `create database ${name}${template === undefined ? '' : ` template ${template}`}`)
}

const untilAnswers = (url: string): Promise<void> => ask(url, 'select')

/** Asks a database for one thing; waits for a server that is only just starting. */
export async function ask(url: string, statement: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      await client.query(statement)
      return
    } catch (error) {
      if (attempt === 100) throw error
      await pause(100)
    } finally {
      await client.end().catch(() => {})
    }
  }
}

/**
 * Makes the folder of a server within `folder`, and says whom the server must run as: as root the user `postgres`, who gets
 * the folder, else oneself.
 */
export function makeServerFolder(folder: string, data: string): { uid?: number; gid?: number } {
  mkdirSync(data, { mode: 0o700 })
  if (process.getuid?.() !== 0) return {}
  const owner = ownerOf('postgres')
  chmodSync(folder, 0o755)
  chownSync(data, owner.uid, owner.gid)
  return owner
}

function ownerOf(name: string): { uid: number; gid: number } {
  const read = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }))
  return { uid: read('-u'), gid: read('-g') }
}
