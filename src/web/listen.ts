import { once } from 'node:events'
import { Server, type ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import type { Hono } from 'hono'
import { CourantError, reasonOf } from '../errors.ts'
import type { SiteEnv } from './context.ts'

/** A server that listens. `close` takes no new connection, lets requests end, and cuts off what still runs after 5 s. */
type Listening = { readonly url: string; readonly close: () => Promise<void> }

const DRAIN_MS = 5_000
/** A form of 64 KB takes no longer, even over a poor line. */
const REQUEST_MS = 30_000

/** Serves `app`, on all addresses or on `host`; port 0 takes a free one. @throws CourantError `web.port`, when the port cannot be opened. */
export async function listen(app: Hono<SiteEnv>, port: number, host?: string): Promise<Listening> {
  const server = serve({
    fetch: app.fetch,
    port,
    ...(host !== undefined && { hostname: host }),
    overrideGlobalObjects: false,
    serverOptions: { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
  })
  if (!(server instanceof Server)) throw new RangeError('not an HTTP/1.1 server')
  const isBusy = countRequests(server)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new CourantError('web.port', {
      what: `Port ${port} cannot be opened.`,
      why: `${reasonOf(cause)}.`,
      todo: 'Stop the program that holds it, or set PORT to a free one.',
      cause,
    })
  }
  return { url: urlOf(server, host), close: () => drain(server, isBusy) }
}

function urlOf(server: Server, host = 'localhost'): string {
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const shown = host.includes(':') ? `[${host}]` : host
  return `http://${shown}:${port}`
}

/** Connections without a request count for nothing: browsers keep them open in store. */
async function drain(server: Server, isBusy: () => boolean): Promise<void> {
  if (!server.listening) return
  const late = new AbortController()
  const closed = once(server, 'close').then(() => late.abort())
  server.close()
  if (!isBusy()) server.closeAllConnections()
  const cutOff = wait(DRAIN_MS, null, { signal: late.signal }).then(
    () => server.closeAllConnections(),
    () => {},
  )
  await Promise.all([closed, cutOff])
}

/** Counts the requests under way; the last one to end after the server was closed takes its connections along. */
function countRequests(server: Server): () => boolean {
  let underWay = 0
  server.on('request', (_, response: ServerResponse) => {
    underWay += 1
    response.on('close', () => {
      underWay -= 1
      if (underWay === 0 && !server.listening) server.closeAllConnections()
    })
  })
  return () => underWay > 0
}
