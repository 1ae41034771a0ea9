import { spawn } from 'node:child_process'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { ask, makeServerFolder, PORT, postgresUrl, USER } from './postgres.ts'

/** A PgBouncer of the tests' own in transaction mode; its Unix socket is named like the PostgreSQL's behind it. */
export type TestPgbouncer = {
  readonly socketFolder: string
  readonly stop: () => Promise<void>
  /** Ends it at once, in the middle of whatever passes through it, and starts it again. */
  readonly restart: () => Promise<void>
}

const DEBIAN = '/usr/sbin/pgbouncer'

/** PgBouncer's program where Debian puts it, or null. */
export function findPgbouncer(): string | null {
  return existsSync(DEBIAN) ? DEBIAN : null
}

/**
 * Starts a PgBouncer in `folder` in front of every database of the PostgreSQL whose socket lies in `postgresFolder`, with
 * PgBouncer's own defaults but for what many small databases take. As root it runs as the user `postgres`, like PostgreSQL.
 */
export async function startPgbouncer(folder: string, postgresFolder: string): Promise<TestPgbouncer> {
  const program = findPgbouncer()
  if (program === null) throw new Error('PgBouncer was not found; on Debian: apt-get install pgbouncer')
  const data = join(folder, 'pgbouncer')
  const owner = makeServerFolder(folder, data)
  const settings = join(data, 'pgbouncer.ini')
  const users = join(data, 'users.txt')
  writeFileSync(settings, settingsOf(data, postgresFolder, users))
  writeFileSync(users, `"${USER}" ""\n`)
  // What this process writes may be for its own user's eyes alone.
  for (const file of [settings, users]) chmodSync(file, 0o644)
  const start = () => spawn(program, ['-q', settings], { ...owner, cwd: data, stdio: 'ignore' })
  let server = start()
  const end = (): Promise<void> =>
    new Promise((resolve) => {
      server.once('exit', () => resolve())
      server.kill('SIGTERM')
    })
  const untilAnswers = () => ask(postgresUrl(data, 'postgres'), 'select')
  await untilAnswers()
  return {
    socketFolder: data,
    stop: end,
    restart: async () => {
      await end()
      server = start()
      await untilAnswers()
    },
  }
}

/** How many connections to this database a PgBouncer's clients have, whether or not one behind it serves them. */
export async function countClients(socketFolder: string, database: string): Promise<number> {
  const console = new pg.Client({ connectionString: postgresUrl(socketFolder, 'pgbouncer') })
  await console.connect()
  const { rows } = await console.query<{ database: string }>('show clients')
  await console.end()
  return rows.filter((client) => client.database === database).length
}

/** A user it does not know, such as one that a test makes, is looked up in PostgreSQL. */
const settingsOf = (data: string, postgresFolder: string, users: string) => `
[databases]
* = host=${postgresFolder} port=${PORT}

[pgbouncer]
pool_mode = transaction
listen_port = ${PORT}
unix_socket_dir = ${data}
logfile = ${join(data, 'log')}
auth_type = trust
auth_file = ${users}
auth_user = ${USER}
stats_users = ${USER}
max_client_conn = 1000
server_idle_timeout = 5
`
