import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import type { Temporal } from '../clock.ts'
import { CourantError, reasonOf } from '../errors.ts'

/** One answer of the demo's small web servers. */
export type DemoPage = {
  readonly status?: number
  readonly type: string
  readonly body: string | Buffer
  readonly cacheControl: string
  readonly modifiedAt?: Temporal.Instant
  readonly headers?: Readonly<Record<string, string>>
}

/** Finds the page of a URL, whose origin is the server itself; null where there is none. */
type Route = (url: URL) => DemoPage | null | Promise<DemoPage | null>

/** A web server on 127.0.0.1. */
export type PageServer = { readonly port: number; readonly url: string; readonly close: () => Promise<void> }

/**
 * Serves what `route` finds on 127.0.0.1, with ETag and conditional GET (RFC 9110 §13).
 *
 * @throws CourantError `demo.port`, when the port is taken.
 */
export async function servePages(port: number, route: Route): Promise<PageServer> {
  const server = createServer((request, response) => {
    findPage(request, route)
      .catch(() => FAILED)
      .then((page) => answer(request, response, page))
  })
  const opened = await listening(server.listen(port, '127.0.0.1'), port)
  return { port: opened, url: `http://127.0.0.1:${opened}`, close: () => closeServer(server) }
}

async function findPage(request: IncomingMessage, route: Route): Promise<DemoPage> {
  const url = URL.parse(request.url ?? '/', `http://127.0.0.1:${request.socket.localPort}`)
  return (url && (await route(url))) ?? NOT_FOUND
}

/**
 * Ends when `server` listens, with its port.
 *
 * @throws CourantError `demo.port`, when the port is taken or not allowed.
 */
export async function listening(server: Server, port: number): Promise<number> {
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new CourantError('demo.port', {
      what: `Port ${port} of 127.0.0.1 cannot be opened.`,
      why: `${reasonOf(cause)}.`,
      todo: 'Stop the program that holds it, or let the demo choose a free port.',
      cause,
    })
  }
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : port
}

/** The wanted port of `host` where it is free, else any that is. */
export async function findPort(wanted: number, host: string): Promise<number> {
  for (const port of [wanted, 0]) {
    const server = createServer()
    const found = await listening(server.listen(port, host), port).catch(() => null)
    await closeServer(server)
    if (found !== null) return found
  }
  return wanted
}

const NOT_FOUND: DemoPage = {
  status: 404,
  type: 'text/plain; charset=utf-8',
  body: 'Not found\n',
  cacheControl: 'no-store',
}
const FAILED: DemoPage = { status: 500, type: 'text/plain; charset=utf-8', body: 'Failed\n', cacheControl: 'no-store' }

function answer(request: IncomingMessage, response: ServerResponse, page: DemoPage): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' }).end()
    return
  }
  const body = Buffer.from(page.body)
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  const headers = {
    'Cache-Control': page.cacheControl,
    ETag: etag,
    'X-Content-Type-Options': 'nosniff',
    ...(page.modifiedAt && { 'Last-Modified': new Date(page.modifiedAt.epochMilliseconds).toUTCString() }),
    ...page.headers,
  }
  if (page.status === undefined && isKnown(request, etag, page.modifiedAt)) {
    response.writeHead(304, headers).end()
    return
  }
  response.writeHead(page.status ?? 200, { ...headers, 'Content-Type': page.type, 'Content-Length': body.length })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** RFC 9110 §13.2.2: a date counts only where no entity tag was sent. */
function isKnown({ headers }: IncomingMessage, etag: string, modifiedAt: Temporal.Instant | undefined): boolean {
  const tags = headers['if-none-match']
  if (tags !== undefined)
    return tags.trim() === '*' || tags.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
  const since = Date.parse(headers['if-modified-since'] ?? '')
  return modifiedAt !== undefined && Math.floor(modifiedAt.epochMilliseconds / 1000) * 1000 <= since
}

async function closeServer(server: HttpServer): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}
