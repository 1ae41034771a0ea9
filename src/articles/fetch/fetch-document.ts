import { isIP, type LookupFunction } from 'node:net'
import { Agent, request } from 'undici'
import { reasonOf } from '../../errors.ts'
import { type GuardRules, guardUrl, isExhausted } from './address-guard.ts'
import { ENCODINGS, readBody } from './response-body.ts'

/** What came of one guarded GET. A network failure is a value; `reason` is a sentence for people. */
export type Fetched =
  | {
      readonly kind: 'document'
      readonly body: Buffer
      readonly contentType: string | null
      readonly etag: string | null
      readonly lastModified: string | null
      readonly finalUrl: string
      /** Where permanent redirects led, from the first hop on; null when there were none. */
      readonly movedTo: string | null
      /** The Cache-Control header as it came. */
      readonly cacheControl: string | null
    }
  | { readonly kind: 'unchanged'; readonly movedTo: string | null; readonly cacheControl: string | null }
  | {
      readonly kind: 'failed'
      readonly reason: string
      /** The server says that there is nothing any more (410). */
      readonly gone: boolean
      /** The Retry-After header as it came. */
      readonly retryAfter: string | null
    }

/** How to fetch. Times in milliseconds; `timeoutMs` is for everything, redirects and body included. */
export type FetchOptions = {
  readonly userAgent: string
  readonly accept?: string
  /** Of the document held so far, for a conditional GET. */
  readonly etag?: string | null
  readonly lastModified?: string | null
  /** Sent to `origin` only, never on to where it redirects. */
  readonly credentials?: Credentials | null
  readonly guard: GuardRules
  readonly connectTimeoutMs?: number
  readonly timeoutMs?: number
  readonly maxBytes?: number
  /** Cancels the fetch. */
  readonly signal?: AbortSignal
  /** Awaited before each request, with its host; it must end when the signal is aborted. */
  readonly enterHost?: (host: string, signal: AbortSignal) => Promise<void>
}

type Credentials = {
  readonly origin: string
  readonly username: string | null
  readonly password: string | null
  readonly headers: Readonly<Record<string, string>>
}

const MOST_REDIRECTS = 5
const MAX_BYTES = 10 * 1024 * 1024
const TIMEOUT_MS = 30_000
const CONNECT_TIMEOUT_MS = 10_000
const ACCEPT_FEED =
  'application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, application/xml;q=0.8, text/xml;q=0.8, */*;q=0.5'

/**
 * Gets a document from the public internet: each hop is guarded, and only checked addresses are dialled.
 *
 * @throws the system's error (`isTransient` recognises it) when this machine is out of file descriptors or buffers, which is
 * not the server's fault.
 */
export async function fetchDocument(url: string, options: FetchOptions): Promise<Fetched> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS)
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal])
  let hop: Hop = { kind: 'redirect', to: url, permanent: true }
  let movedTo: string | null = null
  let allPermanent = true
  for (let hops = 0; hops <= MOST_REDIRECTS; hops += 1) {
    const at: string = hop.to
    await options.enterHost?.(URL.parse(at)?.host ?? '', signal)
    hop = await within(signal, getOnce(at, options, signal))
    if (hop.kind === 'failed') return hop
    if (hop.kind === 'unchanged') return { ...hop, movedTo }
    if (hop.kind === 'document') return { ...hop, finalUrl: at, movedTo }
    allPermanent &&= hop.permanent
    if (allPermanent) movedTo = hop.to
  }
  return fail(`More than ${MOST_REDIRECTS} redirects.`)
}

type Redirect = { readonly kind: 'redirect'; readonly to: string; readonly permanent: boolean }
type Page = Omit<Extract<Fetched, { kind: 'document' }>, 'finalUrl' | 'movedTo'>
type Unchanged = Omit<Extract<Fetched, { kind: 'unchanged' }>, 'movedTo'>
type Hop = Redirect | Page | Unchanged | Extract<Fetched, { kind: 'failed' }>

async function getOnce(address: string, options: FetchOptions, signal: AbortSignal): Promise<Hop> {
  const url = URL.parse(address)
  if (url === null) return fail('The URL is not valid.')
  const passage = await guardUrl(url, options.guard)
  if (passage.kind === 'refused') return fail(passage.reason)
  const agent = dial(passage.addresses, options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS)
  try {
    return await get(url, agent, options, signal)
  } catch (error) {
    if (isExhausted(error)) throw error
    return fail(signal.aborted ? 'The server took too long.' : sayFailure(error))
  } finally {
    void agent.destroy()
  }
}

/** A client that can reach only these addresses. Literals need no look-up: the guard has judged them already. */
function dial(addresses: readonly string[], timeout: number): Agent {
  const found = addresses.map((address) => ({ address, family: isIP(address) }))
  const lookup: LookupFunction = (_host, { all }, answer) =>
    all === true ? answer(null, found) : answer(null, found[0]?.address ?? '', found[0]?.family)
  return new Agent({ allowH2: false, connect: { lookup, timeout } })
}

async function get(url: URL, agent: Agent, options: FetchOptions, signal: AbortSignal): Promise<Hop> {
  const response = await request(url.href, { dispatcher: agent, signal, headers: headersFor(url, options) })
  // A body that is not read to its end breaks when the connection is dropped; nobody is to stumble over that.
  response.body.on('error', () => {})
  const { statusCode: status } = response
  const header = (name: string) => [response.headers[name] ?? []].flat()[0] ?? null
  const location = header('location')
  if (status === 304) return { kind: 'unchanged', cacheControl: header('cache-control') }
  if ([301, 302, 303, 307, 308].includes(status) && location !== null) return redirect(url, location, status)
  if (status < 200 || status > 299) return fail(`The server answered ${status}.`, status === 410, header('retry-after'))
  const read = await readBody(response.body, header('content-encoding'), options.maxBytes ?? MAX_BYTES)
  if (read.kind === 'refused') return fail(read.reason)
  const cacheControl = header('cache-control')
  const validators = { etag: header('etag'), lastModified: header('last-modified') }
  return { kind: 'document', body: read.body, contentType: header('content-type'), cacheControl, ...validators }
}

function redirect(from: URL, location: string, status: number): Hop {
  const to = URL.parse(location, from.href)
  if (to === null) return fail('The server redirects to a URL that is not valid.')
  to.hash = ''
  return { kind: 'redirect', to: to.href, permanent: status === 301 || status === 308 }
}

function headersFor(url: URL, options: FetchOptions): Record<string, string> {
  const own = options.credentials?.origin === url.origin ? options.credentials : null
  const headers: Record<string, string> = { ...own?.headers }
  if (own?.username != null) headers.authorization = basic(own.username, own.password ?? '')
  headers['user-agent'] = options.userAgent
  headers.accept = options.accept ?? ACCEPT_FEED
  headers['accept-encoding'] = ENCODINGS
  if (options.etag) headers['if-none-match'] = options.etag
  if (options.lastModified) headers['if-modified-since'] = options.lastModified
  return headers
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

/** A name that never resolves must not outlast the timeout either. */
async function within(signal: AbortSignal, hop: Promise<Hop>): Promise<Hop> {
  if (signal.aborted) return fail('The server took too long.')
  const { promise, resolve } = Promise.withResolvers<Hop>()
  const expire = () => resolve(fail('The server took too long.'))
  signal.addEventListener('abort', expire, { once: true })
  try {
    return await Promise.race([hop, promise])
  } finally {
    signal.removeEventListener('abort', expire)
  }
}

function fail(reason: string, gone = false, retryAfter: string | null = null): Extract<Fetched, { kind: 'failed' }> {
  return { kind: 'failed', reason, gone, retryAfter }
}

function sayFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : null
  const known: Record<string, string> = {
    ECONNREFUSED: 'The server refuses connections.',
    ECONNRESET: 'The server broke the connection off.',
    UND_ERR_SOCKET: 'The server broke the connection off.',
    UND_ERR_CONNECT_TIMEOUT: 'The server cannot be reached in time.',
    CERT_HAS_EXPIRED: "The server's certificate has expired.",
    DEPTH_ZERO_SELF_SIGNED_CERT: "The server's certificate is self-signed.",
    ERR_TLS_CERT_ALTNAME_INVALID: "The server's certificate is for another name.",
  }
  return (
    (code !== null && known[code]) ||
    `The fetch failed: ${code === null ? '' : `${code}, `}${reasonOf(error)}`.slice(0, 300)
  )
}
