import ipaddr from 'ipaddr.js'

/** How many proxies stand in front, or the networks (CIDR) they are in. */
export type TrustProxy =
  | { readonly kind: 'hops'; readonly hops: number }
  | { readonly kind: 'networks'; readonly networks: readonly string[] }

/** A number of proxies. */
const COUNT = /^\d{1,2}$/
const IPV4_BITS = 32
const IPV6_BITS = 128
/** RFC 4291 §2.5.5.2: what stands before an IPv4 address in an IPv6 one. */
const MAPPED_BITS = IPV6_BITS - IPV4_BITS

/** Whether it is a number of proxies, or addresses and networks, separated by commas. */
export function isTrustProxy(value: string): boolean {
  return COUNT.test(value) || list(value).every(isNetwork)
}

/** Reads what `isTrustProxy` accepts. */
export function readTrustProxy(value: string): TrustProxy {
  if (COUNT.test(value)) return { kind: 'hops', hops: Number(value) }
  return { kind: 'networks', networks: list(value).map(readNetwork) }
}

const list = (value: string) => value.split(',').map((part) => part.trim())

function isNetwork(value: string): boolean {
  return ipaddr.isValidCIDR(value) || ipaddr.IPv6.isValid(value) || ipaddr.IPv4.isValidFourPartDecimal(value)
}

/** With its bits; IPv4 in IPv6 is IPv4, as it is where a connection comes from. */
function readNetwork(value: string): string {
  const [address = '', bits] = value.split('/')
  const read = ipaddr.parse(address)
  const width = read.kind() === 'ipv6' ? IPV6_BITS : IPV4_BITS
  const length = Number(bits ?? width)
  if (!(read instanceof ipaddr.IPv6) || !read.isIPv4MappedAddress() || length < MAPPED_BITS)
    return `${address}/${length}`
  return `${read.toIPv4Address()}/${length - MAPPED_BITS}`
}
