import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { CourantError, reasonOf } from '../errors.ts'
import { PreparingClient } from './prepared.ts'

/** Where queries go: a pool, or the transaction one is in. */
export type Database = Pick<
  NodePgDatabase,
  'select' | 'selectDistinct' | 'insert' | 'update' | 'delete' | 'execute' | 'transaction' | '$count'
>

/** An open database and how to leave it. */
export type OpenDatabase = {
  readonly db: Database
  readonly pool: pg.Pool
  readonly engine: 'embedded' | 'postgres'
  readonly close: () => Promise<void>
}

/** Row ids and counts come as int8 and stay far below 2^53. */
pg.types.setTypeParser(pg.types.builtins.INT8, Number)
/** Arrays of them have no name among the driver's built-in types. */
const INT8_ARRAY = 1016 as typeof pg.types.builtins.INT8
pg.types.setTypeParser(INT8_ARRAY, (value) => value.slice(1, -1).split(',').filter(Boolean).map(Number))

const EMBEDDED_SCHEME = 'pglite://'

/**
 * Opens the database named by `DATABASE_URL`: `pglite://folder` or `postgres://…`. One driver serves both. An embedded one
 * that another process has open is worked through that process, or refused with `alone`.
 *
 * @throws CourantError `database.held`, `database.embedded`, `database.unreachable`.
 */
export async function openDatabase(
  url: string,
  connections = 10,
  holding: 'shared' | 'alone' = 'shared',
): Promise<OpenDatabase> {
  if (!url.startsWith(EMBEDDED_SCHEME))
    return open({ connectionString: url, max: connections, Client: PreparingClient }, 'postgres', async () => {})
  const { openEmbedded } = await import('./embedded.ts')
  const embedded = await openEmbedded(url.slice(EMBEDDED_SCHEME.length), holding)
  const config = { host: embedded.socketFolder, user: 'postgres', database: 'postgres', max: connections }
  return open(config, 'embedded', embedded.close)
}

async function open(
  config: pg.PoolConfig,
  engine: OpenDatabase['engine'],
  leave: () => Promise<void>,
): Promise<OpenDatabase> {
  const pool = new pg.Pool({ ...config, connectionTimeoutMillis: 60_000, allowExitOnIdle: true })
  pool.on('error', () => {}) // a lost idle connection; the next query says so
  // One that is lost in a transaction fails its statement; the event nobody hears would end the process besides.
  pool.on('connect', (client) => client.on('error', () => {}))
  try {
    await pool.query('select 1')
  } catch (cause) {
    await pool.end()
    await leave()
    throw new CourantError('database.unreachable', {
      what: 'The database does not answer.',
      why: reasonOf(cause),
      todo: 'Check DATABASE_URL and that the database runs.',
      cause,
    })
  }
  const close = async () => {
    await pool.end()
    await leave()
  }
  return { db: drizzle(pool, { casing: 'snake_case' }), pool, engine, close }
}
