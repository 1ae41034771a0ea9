import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** Turns a host name into all of its addresses. */
export type Resolve = (host: string) => Promise<readonly string[]>

/**
 * What a guarded fetch may reach. `allowPrivate` is for tests and the demo: it opens addresses, not schemes.
 * `isPublic` judges addresses in the place of `isPublicAddress`, for tests whose server is on loopback.
 */
export type GuardRules = {
  readonly allowPrivate: boolean
  readonly resolve?: Resolve
  readonly isPublic?: (address: string) => boolean
}

/** The addresses that may be dialled for a URL (nothing else may), or why there are none. */
type Passage =
  | { readonly kind: 'open'; readonly addresses: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string }

/** The operating system's resolver. */
const resolveHost: Resolve = async (host) => {
  const found = await lookup(host, { all: true })
  return found.map(({ address }) => address)
}

/**
 * Says which addresses may be dialled for `url`, after looking at each of them. Whoever dials must use these
 * addresses and not the name: a name may answer differently the second time (DNS rebinding).
 */
export async function guardUrl(url: URL, rules: GuardRules): Promise<Passage> {
  const { allowPrivate, resolve = resolveHost, isPublic = isPublicAddress } = rules
  const reason = refuseUrl(url, allowPrivate, isPublic)
  if (reason !== null) return { kind: 'refused', reason }
  const host = bareHost(url)
  if (isIP(host) !== 0) return { kind: 'open', addresses: [host] }
  const addresses = await resolveOrNone(host, resolve)
  if (addresses.length === 0) return { kind: 'refused', reason: `The name ${host} has no address.` }
  const hidden = allowPrivate ? undefined : addresses.find((address) => !isPublic(address))
  if (hidden !== undefined)
    return { kind: 'refused', reason: `The name ${host} leads to ${hidden}, which is not public.` }
  return { kind: 'open', addresses }
}

/** Says why a URL must not be fetched, as far as its text tells; null when nothing speaks against it. */
export function refuseUrl(url: URL, allowPrivate: boolean, isPublic = isPublicAddress): string | null {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return `The scheme ${url.protocol} is not http or https.`
  if (url.username !== '' || url.password !== '') return 'The URL carries a user name.'
  if (allowPrivate) return null
  const host = bareHost(url)
  if (isIP(host) !== 0) return isPublic(host) ? null : `The address ${host} is not public.`
  return isPublicName(host) ? null : `The name ${host} is not public.`
}

/** The URL parser has already folded case, percent signs, Unicode digits and octal, hexadecimal or decimal addresses. */
function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').replace(/\.+$/, '')
}

async function resolveOrNone(host: string, resolve: Resolve): Promise<readonly string[]> {
  try {
    return await resolve(host)
  } catch (error) {
    if (isExhausted(error)) throw error
    return []
  }
}

/** Whether this machine is out of file descriptors or buffers, which is not the server's fault. */
export function isExhausted(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['EMFILE', 'ENFILE', 'ENOBUFS'].includes(String(error.code))
}

const PRIVATE_SUFFIXES = ['localhost', 'local', 'localdomain', 'internal', 'intranet', 'lan', 'home.arpa']
const LABEL = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/

/** A name of the public tree: several labels, none of the private ends. */
function isPublicName(host: string): boolean {
  const labels = host.split('.')
  if (labels.length < 2 || !labels.every((label) => LABEL.test(label))) return false
  return !PRIVATE_SUFFIXES.some((suffix) => host.endsWith(`.${suffix}`))
}

/** Azure's host services, on every virtual machine, at an address of the public space. */
const PUBLIC_LOOKING = new Set(['168.63.129.16'])
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96')

/** Says whether an address literal belongs to the public internet; IPv4 inside IPv6 is judged as IPv4. */
export function isPublicAddress(address: string): boolean {
  if (address.includes('%') || !ipaddr.isValid(address)) return false
  const parsed = ipaddr.parse(address)
  if (parsed instanceof ipaddr.IPv4) return isPublicIPv4(parsed)
  if (parsed.isIPv4MappedAddress()) return isPublicIPv4(parsed.toIPv4Address())
  if (parsed.match(NAT64)) return isPublicIPv4(new ipaddr.IPv4(parsed.toByteArray().slice(12)))
  return parsed.match(GLOBAL_UNICAST) && parsed.range() === 'unicast'
}

function isPublicIPv4(address: ipaddr.IPv4): boolean {
  return address.range() === 'unicast' && !PUBLIC_LOOKING.has(address.toString())
}
