import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { Hono } from 'hono'
import { afterAll, expect, test } from 'vitest'
import type { SiteEnv } from '../../src/web/context.ts'
import { listen } from '../../src/web/listen.ts'
import { openTestDatabase } from '../support/database.ts'
import { makeSite } from './site.ts'

const database = await openTestDatabase()
afterAll(() => database.close())

test('serves the site over a socket: pages, the address of the connection, and too much in chunks', async () => {
  const server = await listen(makeSite(database.db).app, 0, '127.0.0.1')
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  expect((await fetch(`${server.url}/subscribe`, { method: 'PUT' })).status).toBe(405)
  const chunked = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(16_000)),
  })
  const options = { method: 'POST', body: chunked, duplex: 'half', headers: { 'content-type': 'text/plain' } }
  const refused = await fetch(`${server.url}/subscribe`, options as RequestInit).then(
    ({ status }) => status,
    () => 413, // cut off while still sending
  )
  expect(refused).toBe(413)
  await server.close()
})

test.each([
  ['goes away', 'Content-Length: 1000', 'a=1', 'destroy'],
  ['breaks the connection', 'Transfer-Encoding: chunked', '3\r\na=1\r\n', 'resetAndDestroy'],
  ['ends too early', 'Content-Length: 60000', 'a'.repeat(30_000), 'end'],
  ['sends chunks that are none', 'Transfer-Encoding: chunked', '3\r\na=1\r\nzz\r\n', 'end'],
] as const)('a form whose sender %s is no fault of ours', async (_, head, body, leave) => {
  const site = makeSite(database.db)
  const server = await listen(site.app, 0, '127.0.0.1')
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => {})
  socket.resume().write(`POST /subscribe HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n${body}`, () => socket[leave]())
  await expect.poll(() => site.logged.length).toBeGreaterThan(0)
  const lines = site.logged.map((line) => JSON.parse(line))
  expect(lines).toEqual([expect.objectContaining({ level: 20, msg: 'web.request', aborted: true, status: 400 })])
  await server.close()
})

const EMPTY = new Hono<SiteEnv>()

test('a taken port is told, with the address it is taken on', async () => {
  for (const host of ['127.0.0.1', '::1']) {
    const server = await listen(EMPTY, 0, host)
    const port = Number(new URL(server.url).port)
    await expect(listen(EMPTY, port, host)).rejects.toMatchObject({
      code: 'web.port',
      what: `Port ${port} of ${host} cannot be opened.`,
      todo: expect.stringContaining('PORT'),
    })
    await server.close()
  }
})

test('an address that is none of this machine is told, and names HOST', async () => {
  for (const host of ['192.0.2.1', '2001:db8::1', 'nowhere.invalid'])
    await expect(listen(EMPTY, 0, host)).rejects.toMatchObject({
      code: 'web.port',
      what: `Port 0 of ${host} cannot be opened.`,
      todo: expect.stringContaining('HOST'),
    })
})

test.each([
  ['127.0.0.1', /^http:\/\/127\.0\.0\.1:\d+$/],
  ['0.0.0.0', /^http:\/\/0\.0\.0\.0:\d+$/],
  ['::1', /^http:\/\/\[::1\]:\d+$/],
  ['::', /^http:\/\/\[::\]:\d+$/],
  ['localhost', /^http:\/\/(127\.0\.0\.1|\[::1\]):\d+$/],
])('on %s it says the address it really listens on, and answers there', async (host, url) => {
  const server = await listen(makeSite(database.db).app, 0, host)
  expect(server.url).toMatch(url)
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  await server.close()
})

test('on the loopback address alone no other address of this machine answers', async () => {
  const server = await listen(EMPTY, 0, '127.0.0.1')
  const { port } = new URL(server.url)
  for (const host of ['127.0.0.2', '[::1]']) await expect(fetch(`http://${host}:${port}/`)).rejects.toThrow()
  await server.close()
})

test('closing lets a request end, takes no new one, and does not wait for idle connections', async () => {
  const answers = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const app = new Hono<SiteEnv>().get('/slow', async (c) => {
    asked.resolve()
    await answers.promise
    return c.text('done')
  })
  const server = await listen(app, 0, '127.0.0.1')
  const { port } = new URL(server.url)
  const idle = connect(Number(port), '127.0.0.1')
  await once(idle, 'connect')
  const slow = request(`${server.url}/slow`).end()
  const answered = once(slow, 'response')
  await asked.promise
  const closed = server.close()
  await expect(fetch(`${server.url}/slow`)).rejects.toThrow()
  answers.resolve()
  const [response] = await answered
  expect(response.statusCode).toBe(200)
  response.resume()
  await Promise.all([closed, once(idle, 'close')])
})
