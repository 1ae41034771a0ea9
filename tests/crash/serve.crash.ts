import { once } from 'node:events'
import { createServer } from 'node:net'
import { sql } from 'drizzle-orm'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import {
  environmentOf,
  planWaiting,
  readStanding,
  type Serving,
  startServing,
  useDatabase,
} from '../server/start-server.ts'
import { startCommand } from '../support/command.ts'
import { copyDatabase } from '../support/database.ts'
import { startFeeds } from '../support/feeds.ts'
import { type Sink, startSink } from '../support/smtp.ts'
import { makeWorld } from '../support/world.ts'

const READERS = 120
const CONNECTIONS = 3

const undo: (() => void | Promise<void>)[] = []
const servers: Serving[] = []
afterEach(async () => {
  for (const { child, ended } of servers.splice(0)) {
    child.kill('SIGKILL')
    await ended
  }
  for (const one of undo.splice(0)) await one()
})
afterAll(() => {
  if (engine === 'postgres') console.info('skipped on PostgreSQL: those about the folder of the embedded database')
})
const engine = process.env.COURANT_TEST_ENGINE === 'postgres' ? 'postgres' : 'embedded'

/** A database and a relay of one test's own, and the environment that names both. */
async function prepare(readers: number): Promise<{ environment: Record<string, string>; url: string; smtp: Sink }> {
  const { url, remove } = await copyDatabase()
  const smtp = await startSink()
  undo.push(smtp.close, remove)
  if (readers > 0) await planWaiting(url, readers)
  return { environment: environmentOf(url, `${smtp.url}?connections=${CONNECTIONS}`), url, smtp }
}

async function serve(environment: Record<string, string>, roles?: string): Promise<Serving> {
  const server = await startServing(environment, roles)
  servers.push(server)
  return server
}

const recipients = (smtp: Sink) => new Set(smtp.messages.map((message) => message.to)).size

/** Each test starts several processes with a database of their own each. */
vi.setConfig({ testTimeout: 120_000 })

describe('the server', () => {
  test('says where it listens, is alive and ready, and ends with 0 when told to', async () => {
    const { environment } = await prepare(0)
    const server = await serve(environment)
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
    server.child.kill('SIGINT')
    expect(await server.ended).toMatchObject({ code: 0 })
  })

  test('sends what waits, tells others of the folder who holds it, and lets commands work beside it', async () => {
    const { environment, smtp } = await prepare(READERS)
    const server = await serve(environment)
    await smtp.received(READERS)
    const list = await startCommand(['newsletter', 'list', '--json'], environment).ended
    expect(list).toMatchObject({ code: 0 })
    expect(list.out).toContain('"slug":"morgen"')
    const readers = await startCommand(['subscriber', 'list', '--json'], environment).ended
    expect(readers.out.trim().split('\n')).toHaveLength(READERS)
    if (engine === 'postgres') return
    const second = await startCommand(['serve'], environment).ended
    expect(second.code).toBe(1)
    expect(second.err).toContain(`Process ${server.child.pid}`)
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  test('told to end in the middle of a send finishes what is on the wire, and the next one reaches each reader once', async () => {
    const { environment, url, smtp } = await prepare(READERS)
    const first = await serve(environment)
    await smtp.received(20)
    smtp.hold()
    await smtp.received(20 + CONNECTIONS)
    const stopping = first.logged('server.stopping')
    const askedMs = systemClock.monotonicMs()
    first.child.kill('SIGTERM')
    await stopping
    smtp.release()
    expect(await first.ended).toMatchObject({ code: 0 })
    expect(systemClock.monotonicMs() - askedMs).toBeLessThan(10_000)
    const taken = smtp.messages.length
    expect(taken).toBeLessThan(READERS)
    expect(await readStanding(url)).toEqual({ sent: taken, queued: READERS - taken, held: 0 })
    await serve(environment)
    await smtp.received(READERS)
    expect(recipients(smtp)).toBe(READERS)
    expect(smtp.messages).toHaveLength(READERS)
  })

  test('told to end while a newspaper keeps it waiting does not wait for that', async () => {
    const { environment, url } = await prepare(0)
    const feeds = await startFeeds()
    undo.push(feeds.close)
    feeds.set('/feed.xml', { kind: 'silent' })
    await useDatabase(url, async (db) => {
      const { newsletterId, sourceId } = await makeWorld(db)
      await db.execute(sql`update source set feed_url = ${feeds.url('/feed.xml')} where id = ${sourceId}`)
      await db.execute(sql`insert into newsletter_source (newsletter_id, source_id, backfill_days, created_at)
        values (${newsletterId}, ${sourceId}, 7, now())`)
    })
    const server = await serve({ ...environment, COLLECT_ALLOW_PRIVATE: 'true' })
    await expect.poll(() => feeds.asked.length, { timeout: 20_000 }).toBe(1)
    const askedMs = systemClock.monotonicMs()
    server.child.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0 })
    expect(systemClock.monotonicMs() - askedMs).toBeLessThan(10_000)
  })

  test('whose relay hangs is ended after 9 s, with 1 and the reason', async () => {
    const { environment, smtp } = await prepare(READERS)
    smtp.hold()
    const patient = await serve(environment)
    await smtp.received(CONNECTIONS)
    const askedMs = systemClock.monotonicMs()
    patient.child.kill('SIGTERM')
    const end = await patient.ended
    expect(end.code).toBe(1)
    expect(end.err).toContain('not stopped within 9 s')
    expect(end.err).toContain('"waitingFor":["work under way"]')
    expect(systemClock.monotonicMs() - askedMs).toBeLessThan(10_000)
  })

  test('is ended at once by a second signal', async () => {
    const { environment, smtp } = await prepare(READERS)
    smtp.hold()
    const { child, ended, logged } = await serve(environment)
    await smtp.received(CONNECTIONS)
    const stopping = logged('server.stopping')
    child.kill('SIGINT')
    await stopping
    const again = setInterval(() => child.kill('SIGINT'), 300)
    const end = await ended
    clearInterval(again)
    expect(end.code).toBe(1)
    expect(end.err).toContain('a second signal')
  })

  test('starts again at once after kill -9', async () => {
    const { environment, smtp } = await prepare(READERS)
    const killed = await serve(environment)
    await smtp.received(10)
    killed.child.kill('SIGKILL')
    await killed.ended
    const next = await serve(environment)
    expect((await fetch(`${next.url}/readyz`)).status).toBe(200)
  })

  test('is not ready once the scheduler is silent for two minutes, and says why', async () => {
    const { environment, url } = await prepare(0)
    const server = await serve(environment, 'web')
    const ask = async () => {
      const answer = await fetch(`${server.url}/readyz`)
      return { status: answer.status, text: await answer.text() }
    }
    expect(await ask()).toEqual({ status: 503, text: expect.stringContaining('No scheduler has run') })
    await useDatabase(url, (db) => db.execute(sql`insert into heartbeat (name, at) values ('scheduler', now())`))
    expect(await ask()).toMatchObject({ status: 200 })
    await useDatabase(url, (db) => db.execute(sql`update heartbeat set at = now() - interval '3 minutes'`))
    const red = await ask()
    expect(red.status).toBe(503)
    expect(red.text).toMatch(/The scheduler was last alive 1[89]\d s ago/)
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })
})

describe('a server that cannot start', () => {
  test('names the roles there are when one is unknown', async () => {
    const { environment } = await prepare(0)
    for (const [roles, said] of [
      ['web,clerk', 'There is no role "clerk"'],
      ['inbound', 'inbound is not built yet'],
    ] as const) {
      const end = await startCommand(['serve', '--roles', roles], environment).ended
      expect(end.code).toBe(2)
      expect(end.err).toContain(said)
      expect(end.err).toContain('web, scheduler, worker')
    }
  })

  test('says that its port is in use, and sends nothing', async () => {
    const { environment, smtp } = await prepare(READERS)
    const other = createServer().listen(0)
    await once(other, 'listening')
    const address = other.address()
    const port = typeof address === 'object' ? String(address?.port) : ''
    const end = await startCommand(['serve'], { ...environment, PORT: port }).ended
    other.close()
    expect(end.code).toBe(1)
    expect(end.err).toContain(`Port ${port}`)
    expect(smtp.messages).toHaveLength(0)
  })

  test('names every wrong value of its environment', async () => {
    const { environment } = await prepare(0)
    const end = await startCommand(['serve'], { ...environment, PORT: 'eighty', SMTP_URL: 'mail.example' }).ended
    expect(end.code).toBe(2)
    expect(end.err).toContain('PORT')
    expect(end.err).toContain('SMTP_URL')
  })
})
