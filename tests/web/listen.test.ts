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

test('a taken port is told', async () => {
  const server = await listen(new Hono<SiteEnv>(), 0, '127.0.0.1')
  const port = Number(new URL(server.url).port)
  await expect(listen(new Hono<SiteEnv>(), port, '127.0.0.1')).rejects.toThrow(`Port ${port} cannot be opened.`)
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
