import { sql } from 'drizzle-orm'
import { afterAll, afterEach, describe, expect, inject, test, vi } from 'vitest'
import { POOL_SIZES } from '../../src/db/pools.ts'
import { type ManyHosts, startManyHosts } from '../articles/many-hosts.ts'
import { copyDatabase } from '../support/database.ts'
import { countClients } from '../support/pgbouncer.ts'
import { makeWorld } from '../support/world.ts'
import { environmentOf, type Serving, startServing, useDatabase } from './start-server.ts'

vi.setConfig({ testTimeout: 120_000 })

const onPostgres = process.env.COURANT_TEST_ENGINE === 'postgres'
const made = inject('database')
const HOSTS = 40
const DEAD = 10
/** Accepts no mail. */
const NO_RELAY = 'smtp://127.0.0.1:1'

const servers: Serving[] = []
const undo: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const { child, ended } of servers.splice(0)) {
    child.kill('SIGKILL')
    await ended
  }
  for (const one of undo.splice(0)) await one()
})
afterAll(() => {
  if (!onPostgres) console.info('skipped: several servers take PostgreSQL; an embedded database belongs to one')
})

/** A database with sources on many hosts, the first of which are dead; they are not due yet. */
async function prepare(): Promise<{ url: string; hosts: ManyHosts }> {
  const { url, remove } = await copyDatabase()
  const hosts = await startManyHosts()
  undo.push(hosts.close, remove)
  hosts.silence(Array.from({ length: DEAD }, (_, host) => host))
  const urls = Array.from({ length: HOSTS }, (_, host) => hosts.url(host))
  await useDatabase(url, async (db) => {
    const { newsletterId } = await makeWorld(db)
    await db.execute(sql`
      with made as (
        insert into source (kind, url, feed_url, next_fetch_at, created_at)
        select 'feed', url, url, now() + interval '1 hour', now() from unnest(${sql.param(urls)}::text[]) as given (url)
        returning id)
      insert into newsletter_source (newsletter_id, source_id, admitted_at, created_at)
      select ${newsletterId}, id, now(), now() from made`)
  })
  return { url, hosts }
}

async function serve(url: string, roles: string): Promise<Serving> {
  const environment = { ...environmentOf(url, NO_RELAY), COLLECT_ALLOW_PRIVATE: 'true' }
  const server = await startServing(environment, roles)
  servers.push(server)
  return server
}

const ask = <T extends Record<string, unknown>>(url: string, query: ReturnType<typeof sql>) =>
  useDatabase(url, async (db) => (await db.execute<T>(query)).rows)

/** How many connections others have to this database, or to the PgBouncer in front of it. */
async function countConnections(url: string): Promise<number> {
  if (made.kind === 'postgres' && made.poolerFolder !== null)
    return countClients(made.poolerFolder, new URL(url).pathname.slice(1))
  const [{ count = 0 } = {}] = await ask<{ count: number }>(
    url,
    sql`select count(*)::integer as count from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  )
  return count
}

describe.runIf(onPostgres)('three workers on one PostgreSQL', () => {
  test('fetch each source once and before any dead host is given up, and abort what is under way on a stop', async () => {
    const { url, hosts } = await prepare()
    await Promise.all([serve(url, 'worker'), serve(url, 'worker'), serve(url, 'worker')])
    await ask(url, sql`update source set next_fetch_at = now()`)
    const healthy = Array.from({ length: HOSTS - DEAD }, (_, index) => hosts.url(DEAD + index))
    await expect.poll(() => healthy.filter((one) => hosts.timesAsked(one) === 0), { timeout: 60_000 }).toEqual([])
    expect(hosts.givenUp()).toBe(0)
    expect(hosts.overlaps).toEqual([])

    for (const { child } of servers) child.kill('SIGTERM')
    expect((await Promise.all(servers.map(({ ended }) => ended))).map(({ code }) => code)).toEqual([0, 0, 0])
    expect(healthy.map(hosts.timesAsked)).toEqual(healthy.map(() => 1))
    // What the stop aborted counts as no failure, and the next worker may fetch it at once.
    expect(await ask(url, sql`select host from host_lease`)).toEqual([])
    expect(await ask(url, sql`select id from source where failures > 0`)).toEqual([])
  })
})

describe.runIf(onPostgres)('a server', () => {
  test('opens no more connections than documented for its roles', async () => {
    const { url } = await prepare()
    const { pages, shared } = POOL_SIZES
    const server = await serve(url, 'web')
    await ask(url, sql`update source set next_fetch_at = now()`)
    await Promise.all(Array.from({ length: 30 }, () => fetch(`${server.url}/`)))
    const count = await countConnections(url)
    expect(count).toBeGreaterThan(pages.connections)
    expect(count).toBeLessThanOrEqual(pages.connections + shared.connections)
  })

  test('is ready while all connections of its pages are in use, and still answers requests for pages', async () => {
    const { url } = await prepare()
    const server = await serve(url, 'web,scheduler')
    await useDatabase(url, (db) =>
      db.transaction(async (tx) => {
        await tx.execute(sql`lock table newsletter in access exclusive mode`)
        const waiting = Array.from({ length: POOL_SIZES.pages.connections }, () => fetch(`${server.url}/`))
        const late = fetch(`${server.url}/`)
        expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
        expect((await late).status).toBeGreaterThanOrEqual(500)
        return waiting
      }),
    ).then((waiting) => Promise.all(waiting))
  })
})
