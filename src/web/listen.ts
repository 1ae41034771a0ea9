import { once } from 'node:events'
import { Server, type ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import type { Hono } from 'hono'
import { fitConnections } from '../config/descriptors.ts'
import { CourantError, reasonOf } from '../errors.ts'
import type { SiteEnv } from './context.ts'

/** A server that listens. `close` takes no new connection, lets requests end, and cuts off what still runs after 5 s. */
type Listening = { readonly url: string; readonly close: () => Promise<void> }

/** Those on top are closed at once: many idle ones would leave no descriptor for anything else. */
const MOST_CLIENTS = 10_000
const DRAIN_MS = 5_000
/** A form of 64 KB takes no longer, even over a poor line. */
const REQUEST_MS = 30_000

/**
 * Serves `app` on `host`, an address or name of this machine; port 0 takes a free one.
 *
 * @throws CourantError `web.port`, when the port cannot be opened.
 */
export async function listen(app: Hono<SiteEnv>, port: number, host: string): Promise<Listening> {
  const server = serve({
    fetch: app.fetch,
    port,
    hostname: host,
    overrideGlobalObjects: false,
    serverOptions: { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
  })
  if (!(server instanceof Server)) throw new RangeError('not an HTTP/1.1 server')
  server.maxConnections = fitConnections('clients', MOST_CLIENTS)
  const isBusy = countRequests(server)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new CourantError('web.port', {
      what: `Port ${port} of ${host} cannot be opened.`,
      why: `${reasonOf(cause)}.`,
      todo: whatToDo(cause),
      cause,
    })
  }
  return { url: urlOf(server), close: () => drain(server, isBusy) }
}

function whatToDo(cause: unknown): string {
  switch (cause instanceof Error && 'code' in cause ? cause.code : null) {
    case 'EADDRINUSE':
      return 'Stop the program that holds it, or set PORT to a free one.'
    case 'EACCES':
      return 'Set PORT to one from 1024 up: those below need a right of their own.'
    default:
      return 'Set HOST to an address of this machine (127.0.0.1, or 0.0.0.0 and :: for all).'
  }
}

/** The address it is really bound to, also where `host` is a name. */
function urlOf(server: Server): string {
  const bound = server.address()
  if (bound === null || typeof bound !== 'object') throw new RangeError('a server that listens has an address')
  const host = isIP(bound.address) === 6 ? `[${bound.address}]` : bound.address
  return `http://${host}:${bound.port}`
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
