import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'

/** How the server answers one path. */
export type Reply =
  | {
      readonly kind: 'document'
      readonly body: string | Buffer
      readonly status?: number
      readonly headers?: Readonly<Record<string, string>>
      readonly encoding?: keyof typeof ENCODERS
      /** Without validators a client can only compare bodies. */
      readonly validators?: boolean
    }
  | { readonly kind: 'redirect'; readonly to: string; readonly status: 301 | 302 | 303 | 307 | 308 }
  /** Never answers. */
  | { readonly kind: 'silent' }
  /** Sends the head and half of the body, then nothing. */
  | { readonly kind: 'stalled'; readonly body: string }
  /** Breaks the connection off in the middle of the body. */
  | { readonly kind: 'broken'; readonly body: string }
  /** Resets the connection (ECONNRESET) instead of an answer, or in the middle of the body. */
  | { readonly kind: 'reset'; readonly body: string | null }

export type Asked = { readonly path: string; readonly headers: IncomingHttpHeaders }

/** A real HTTP server on loopback whose answers a test sets and changes. */
export type FeedServer = {
  readonly origin: string
  readonly url: (path: string) => string
  readonly set: (path: string, reply: Reply | string) => void
  /** All requests so far, in order. */
  readonly asked: readonly Asked[]
  readonly close: () => Promise<void>
}

const ENCODERS = {
  gzip: gzipSync,
  deflate: deflateSync,
  'deflate-raw': deflateRawSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
}

/** Starts the server on a free port. A path that was not set answers 404. */
export async function startFeeds(host = '127.0.0.1'): Promise<FeedServer> {
  const replies = new Map<string, Reply>()
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    asked.push({ path, headers: request.headers })
    answer(request, response, replies.get(path))
  })
  await new Promise<void>((listening) => server.listen(0, host, listening))
  const origin = `http://${host}:${(server.address() as AddressInfo).port}`
  return {
    origin,
    url: (path) => origin + path,
    set: (path, reply) => {
      replies.set(path, typeof reply === 'string' ? { kind: 'document', body: reply } : reply)
    },
    asked,
    close: () => {
      server.closeAllConnections()
      return new Promise((closed) => server.close(() => closed()))
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse, reply: Reply | undefined): void {
  switch (reply?.kind) {
    case undefined:
      response.writeHead(404).end('not here')
      return
    case 'silent':
      return
    case 'redirect':
      response.writeHead(reply.status, { location: reply.to }).end()
      return
    case 'reset':
      if (reply.body === null) {
        request.socket.resetAndDestroy()
        return
      }
      response.writeHead(200, { 'content-length': Buffer.byteLength(reply.body) })
      response.write(reply.body.slice(0, Math.floor(reply.body.length / 2)), () => request.socket.resetAndDestroy())
      return
    case 'stalled':
    case 'broken':
      response.writeHead(200, { 'content-length': Buffer.byteLength(reply.body) })
      response.write(reply.body.slice(0, Math.floor(reply.body.length / 2)), () => {
        if (reply.kind === 'broken') request.socket.destroy()
      })
      return
    case 'document':
      sendDocument(request, response, reply)
  }
}

const LAST_MODIFIED = 'Sun, 01 Mar 2026 08:00:00 GMT'

function sendDocument(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Extract<Reply, { kind: 'document' }>,
): void {
  const etag = `"${createHash('sha256').update(reply.body).digest('hex').slice(0, 16)}"`
  const validators = reply.validators === false ? {} : { etag, 'last-modified': LAST_MODIFIED }
  if (reply.validators !== false && request.headers['if-none-match'] === etag) {
    response.writeHead(304, validators).end()
    return
  }
  const encoding = reply.encoding === undefined ? {} : { 'content-encoding': reply.encoding.replace('-raw', '') }
  const body = reply.encoding === undefined ? reply.body : ENCODERS[reply.encoding](reply.body)
  response.writeHead(reply.status ?? 200, { 'content-type': 'text/xml', ...validators, ...encoding, ...reply.headers })
  response.end(body)
}

/** An item of a feed as a test writes it; what is left out is not in the feed. */
export type WrittenItem = {
  readonly guid?: string
  readonly link?: string
  readonly title?: string
  readonly description?: string
  readonly pubDate?: string
  readonly topics?: readonly string[]
}

/** Writes an RSS 2.0 document. */
export function writeRss(items: readonly WrittenItem[], channel: { title?: string; link?: string } = {}): string {
  const { title = 'Der Kurier', link = 'https://kurier.example/' } = channel
  const element = (name: string, text: string | undefined, attributes = '') =>
    text === undefined ? '' : `<${name}${attributes}>${escapeXml(text)}</${name}>`
  const written = items.map((item) =>
    [
      '<item>',
      element('guid', item.guid, ' isPermaLink="false"'),
      element('link', item.link),
      element('title', item.title),
      element('description', item.description),
      element('pubDate', item.pubDate),
      ...(item.topics ?? []).map((topic) => element('category', topic)),
      '</item>',
    ].join(''),
  )
  const head = element('title', title) + element('link', link) + element('language', 'de')
  return `<?xml version="1.0"?><rss version="2.0"><channel>${head}${written.join('\n')}</channel></rss>`
}

/** Escapes text for XML. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
