import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { readTrustProxy } from '../../../src/config/trusted-proxies.ts'
import { listen } from '../../../src/web/listen.ts'
import { openTestDatabase } from '../../support/database.ts'
import { makeSite } from '../site.ts'

const database = await openTestDatabase()
const servers: { close: () => Promise<void> }[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})
afterAll(() => database.close())

async function serve(value: string, host = '127.0.0.1') {
  const site = makeSite(database.db, { config: { trustProxy: readTrustProxy(value) } })
  const server = await listen(site.app, 0, host)
  servers.push(server)
  return { ...site, port: Number(new URL(server.url).port) }
}

type Asked = { readonly from: string; readonly path?: string; readonly method?: string; readonly to?: string }

/** Asks from an address of this machine; what is posted never ends. */
async function ask(port: number, { from, path = '/subscribe', method = 'GET', to = '127.0.0.1' }: Asked) {
  const headers = method === 'POST' ? { 'content-length': 60_000 } : {}
  const sent = request({ host: to, port, path, method, headers, localAddress: from, agent: false })
  const answered = new Promise<IncomingMessage>((resolve, reject) => sent.on('response', resolve).on('error', reject))
  if (method === 'POST') sent.write('email=')
  else sent.end()
  const response = await answered
  const body = await text(response)
  sent.destroy()
  return { status: response.statusCode, body, headers: response.headers }
}

describe('where TRUST_PROXY names the proxies', () => {
  test('they may connect, and nobody else: whatever they ask for', async () => {
    const { port } = await serve('127.0.0.2')
    expect((await ask(port, { from: '127.0.0.2' })).status).toBe(200)
    for (const path of ['/subscribe', '/', '/nowhere', '/unsubscribe/x', '/styles.css'])
      expect(await ask(port, { from: '127.0.0.3', path })).toMatchObject({
        status: 403,
        body: expect.stringContaining('127.0.0.3 is none of the proxies that TRUST_PROXY names'),
        headers: { 'content-type': expect.stringContaining('text/plain'), connection: 'close' },
      })
  })

  test('a stranger is refused at once, before what they post is read', async () => {
    const { port } = await serve('127.0.0.2')
    expect((await ask(port, { from: '127.0.0.1', method: 'POST' })).status).toBe(403)
  })

  test('what a stranger says in X-Forwarded-For changes nothing', async () => {
    const { get } = makeSite(database.db, { config: { trustProxy: readTrustProxy('10.0.0.0/8') } })
    expect((await get('/subscribe', { 'x-forwarded-for': '10.0.0.1' })).status).toBe(403)
  })

  test('health is told to this machine all the same, and to no other', async () => {
    const { port, get } = await serve('10.0.0.0/8')
    for (const path of ['/healthz', '/readyz']) {
      expect((await get(path, { 'x-forwarded-for': '127.0.0.1' })).status).toBe(403)
      expect((await ask(port, { from: '127.0.0.1', path })).status).toBe(200)
      expect((await ask(port, { from: '127.0.0.1', path: `${path}/x` })).status).toBe(403)
      expect((await ask(port, { from: '127.0.0.1', path, method: 'POST' })).status).toBe(403)
    }
  })

  test.each([
    ['networks', '192.0.2.0/24, 127.0.0.2/32'],
    ['IPv4 written as IPv6', '::ffff:127.0.0.2'],
    ['an IPv4 network written as IPv6', '::ffff:127.0.0.2/127'],
  ])('%s are understood, also where the server listens on IPv6', async (_, value) => {
    const { port } = await serve(value, '::')
    expect((await ask(port, { from: '127.0.0.2' })).status).toBe(200)
    expect(await ask(port, { from: '127.0.0.1' })).toMatchObject({ status: 403, body: expect.stringMatching(/^127/) })
    expect((await ask(port, { from: '::1', to: '::1' })).status).toBe(403)
    expect((await ask(port, { from: '::1', to: '::1', path: '/readyz' })).status).toBe(200)
  })
})

test('mounted pages are for proxies alone too', async () => {
  const mounts = { '/mailbox': async () => new Response('mails') }
  for (const [trustProxy, status] of [
    [readTrustProxy('10.0.0.0/8'), 403],
    [readTrustProxy('192.0.2.7'), 200],
  ] as const)
    expect((await makeSite(database.db, { config: { trustProxy }, mounts }).get('/mailbox')).status).toBe(status)
})

test('where TRUST_PROXY counts proxies, nobody is named, so that nobody is refused', async () => {
  for (const count of ['0', '1']) {
    const { port } = await serve(count)
    for (const from of ['127.0.0.1', '127.0.0.2']) expect((await ask(port, { from })).status).toBe(200)
  }
})
