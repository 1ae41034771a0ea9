import { type AddressInfo, connect, createServer } from 'node:net'
import { sql } from 'drizzle-orm'
import { afterAll, afterEach, describe, expect, inject, test } from 'vitest'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { copyDatabase } from '../support/database.ts'

const made = inject('database')
const isPooled = made.kind === 'postgres' && made.poolerFolder !== null
const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})
afterAll(() => {
  if (made.kind !== 'postgres') console.info('skipped: only PostgreSQL prepares statements')
  else if (!isPooled) console.info('skipped: PgBouncer itself, which `npm run test:pgbouncer` puts in front')
})

/** Passes a PostgreSQL connection on as PgBouncer does: the process id that clients are told is its own invention. */
async function startPooler(socket: string): Promise<number> {
  const server = createServer((client) => {
    const upstream = connect(socket)
    client.pipe(upstream).on('error', () => client.destroy())
    upstream.on('data', (octets) => {
      const key = octets.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]))
      if (key >= 0) octets.writeInt32BE(1, key + 5)
      client.write(octets)
    })
    upstream.on('close', () => client.destroy())
    client.on('close', () => upstream.destroy()).on('error', () => {})
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  ends.push(() => new Promise((closed) => server.close(closed)))
  return (server.address() as AddressInfo).port
}

/** Runs a marked statement twice, and names what the session has prepared. */
async function prepared(db: Database): Promise<readonly string[]> {
  return db.transaction(async (tx) => {
    for (const _ of [1, 2]) await tx.execute(sql`/* prepared greeting */ select 1`)
    const { rows } = await tx.execute<{ name: string }>(sql`select name from pg_prepared_statements`)
    return rows.map(({ name }) => name)
  })
}

async function open(url: string): Promise<Database> {
  const opened = await openDatabase(url, 1)
  ends.unshift(opened.close)
  return opened.db
}

describe.runIf(made.kind === 'postgres')('a marked statement', () => {
  test('is prepared once on a connection of its own', async () => {
    const { directUrl } = await copyDatabase()
    expect(await prepared(await open(directUrl))).toEqual(['courant_greeting'])
  })

  test('is not prepared where DATABASE_URL says that there is a pooler', async () => {
    const { directUrl } = await copyDatabase()
    expect(await prepared(await open(`${directUrl}&pooler=transaction`))).toEqual([])
  })

  test.runIf(isPooled)('is not prepared through PgBouncer', async () => {
    const { url } = await copyDatabase()
    expect(await prepared(await open(url))).toEqual([])
  })

  test('is not prepared through a pooler, whose sessions are everybody’s', async () => {
    if (made.kind !== 'postgres') return
    const { directUrl } = await copyDatabase()
    const database = new URL(directUrl)
    const port = await startPooler(`${made.socketFolder}/.s.PGSQL.${database.searchParams.get('port')}`)
    database.search = ''
    database.hostname = '127.0.0.1'
    database.port = String(port)
    expect(await prepared(await open(database.href))).toEqual([])
  })
})
