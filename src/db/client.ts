import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { CourantError, reasonOf } from '../errors.ts'
import { namesPooler, PreparingClient } from './prepared-statements.ts'
import { isTransient } from './transient.ts'

/** Where queries go: a pool, or the transaction one is in. */
export type Database = Pick<
  NodePgDatabase,
  'select' | 'selectDistinct' | 'insert' | 'update' | 'delete' | 'with' | '$with' | 'execute' | 'transaction' | '$count'
>

/** A pool of connections. If none is free in time, the caller gets an error that `isTransient` recognises. */
export type DatabasePool = { readonly db: Database; readonly pool: pg.Pool }

/** How many connections a pool has at most, and how long a caller waits for one. */
export type PoolSize = { readonly connections: number; readonly waitMs: number }

/** An open database and how to leave it. */
export type OpenDatabase = DatabasePool & {
  readonly engine: 'embedded' | 'postgres'
  /** Opens another pool to the same database, for work that must not compete for connections; `close` closes it too. */
  readonly openPool: (size: PoolSize) => DatabasePool
  readonly close: () => Promise<void>
}

/** Row ids and counts come as int8 and stay far below 2^53. */
pg.types.setTypeParser(pg.types.builtins.INT8, Number)
/** Arrays of them have no name among the driver's built-in types. */
const INT8_ARRAY = 1016 as typeof pg.types.builtins.INT8
pg.types.setTypeParser(INT8_ARRAY, (value) => value.slice(1, -1).split(',').filter(Boolean).map(Number))

const EMBEDDED_SCHEME = 'pglite://'
/** For commands, which have a single pool and rather wait than fail. */
const COMMAND_CONNECTIONS = 10
const LONGEST_WAIT_MS = 60_000

/**
 * Opens the database named by `DATABASE_URL`: `pglite://folder` or `postgres://…`. One driver serves both. An embedded one
 * that another process has open is worked through that process, or refused with `alone`.
 *
 * @throws CourantError `database.held`, `database.embedded`, `database.unreachable`.
 */
export async function openDatabase(
  url: string,
  size: number | PoolSize = COMMAND_CONNECTIONS,
  holding: 'shared' | 'alone' = 'shared',
): Promise<OpenDatabase> {
  const first = typeof size === 'number' ? { connections: size, waitMs: LONGEST_WAIT_MS } : size
  if (!url.startsWith(EMBEDDED_SCHEME)) {
    const Client = namesPooler(url) ? pg.Client : PreparingClient
    return open({ connectionString: url, Client }, first, 'postgres', async () => {})
  }
  const { openEmbedded } = await import('./pglite/embedded.ts')
  const embedded = await openEmbedded(url.slice(EMBEDDED_SCHEME.length), holding)
  const config = { host: embedded.socketFolder, user: 'postgres', database: 'postgres' }
  return open(config, first, 'embedded', embedded.close)
}

async function open(
  config: pg.PoolConfig,
  size: PoolSize,
  engine: OpenDatabase['engine'],
  leave: () => Promise<void>,
): Promise<OpenDatabase> {
  const pools: DatabasePool[] = []
  const open = (size: PoolSize) => {
    const made = makePool(config, size, engine)
    pools.push(made)
    return made
  }
  const close = async () => {
    await Promise.all(pools.map(({ pool }) => pool.end()))
    await leave()
  }
  const first = open(size)
  try {
    await first.pool.query('select 1')
  } catch (cause) {
    await close()
    throw new CourantError('database.unreachable', {
      what: 'The database does not answer.',
      why: reasonOf(cause),
      todo: 'Check DATABASE_URL and that the database runs.',
      cause,
    })
  }
  return { ...first, engine, openPool: open, close }
}

const DRIZZLE = { casing: 'snake_case' } as const

function makePool(config: pg.PoolConfig, size: PoolSize, engine: OpenDatabase['engine']): DatabasePool {
  const pool = new pg.Pool({
    ...config,
    max: size.connections,
    // A new connection to the embedded engine has to wait for the transaction under way; idle ones cost nothing there.
    min: engine === 'embedded' ? size.connections : 1,
    connectionTimeoutMillis: size.waitMs,
    allowExitOnIdle: true,
    onConnect: async (client) => (client instanceof PreparingClient ? client.findSession() : undefined),
  })
  pool.on('error', () => {}) // a lost idle connection; the next query says so
  // The pool listens to idle connections only. When one breaks within a transaction, its next statement fails; without this
  // listener the event itself would end the process.
  pool.on('connect', (client) => client.on('error', () => {}))
  return { db: databaseOn(pool), pool }
}

/** The database behind a pool. */
export function databaseOn(pool: pg.Pool): Database {
  const db = drizzle(pool, DRIZZLE)
  db.transaction = (work, config) => transact(pool, (client) => drizzle(client, DRIZZLE).transaction(work, config))
  return db
}

/**
 * Runs a transaction on a connection that always returns to the pool, or is closed when it is broken or still in the
 * transaction. (drizzle-orm 0.45.4 leaks the connection when `begin` fails, and returns it within an open transaction when
 * `rollback` fails.)
 */
async function transact<T>(pool: pg.Pool, run: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let isBroken = false
  try {
    return await run(client)
  } catch (error) {
    // A server that is shutting down refuses BEGIN and closes the connection a moment later.
    isBroken = isTransient(error)
    throw error
  } finally {
    client.release(isBroken || client.getTransactionStatus() !== IDLE)
  }
}

/** Of ReadyForQuery: the session is in no transaction. */
const IDLE = 'I'
