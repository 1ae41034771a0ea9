import { isIP } from 'node:net'
import { readDomain } from '../addresses/address.ts'

/** Names that only a local network knows (RFC 6762, RFC 8375, RFC 9476): they end a machine's own name, and prove nothing. */
const PRIVATE = /\.(?:alt|corp|home|home\.arpa|internal|intranet|lan|localdomain|private|test)$/

/**
 * What this machine calls itself in EHLO (RFC 5321 §4.1.4): the name that was set, else its own where that is a whole one,
 * else the host of the pages; null where there is none, and the address of the connection stands for it.
 */
export function chooseEhloName(set: string | null, hostname: string, baseUrl: string): string | null {
  return set ?? wholeName(hostname) ?? wholeName(URL.parse(baseUrl)?.hostname ?? '')
}

function wholeName(typed: string): string | null {
  const name = readDomain(typed)
  return name === null || PRIVATE.test(name) ? null : name
}

/** Reads a name that was set: a domain, or an address literal such as `[192.0.2.1]` or `[IPv6:2001:db8::1]`; null for neither. */
export function readEhloName(typed: string): string | null {
  const [, kind, address = ''] = /^\[(IPv6:)?([0-9a-f.:]+)\]$/i.exec(typed.trim()) ?? []
  if (isIP(address) === (kind === undefined ? 4 : 6)) return addressLiteral(address)
  return readDomain(typed)
}

/** RFC 5321 §4.1.3, without the zone of an IPv6 address, which only this machine knows. */
export function addressLiteral(address: string): string {
  const [bare = ''] = address.split('%')
  if (isIP(bare) !== 6) return `[${bare}]`
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1]
  return mapped === undefined ? `[IPv6:${bare}]` : `[${mapped}]`
}
