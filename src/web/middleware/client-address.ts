import ipaddr from 'ipaddr.js'
import type { TrustProxy } from '../../config/trusted-proxies.ts'

type Address = ReturnType<typeof ipaddr.process>

/** An IPv6 customer has at least this network. */
const IPV6_BITS = 64

/**
 * The reader's address: the connection's, or, where proxies are trusted, what they say in X-Forwarded-For, read from the
 * right, since everything left of the last trusted entry is the sender's own word. Null where nothing is known.
 */
export function readClient(trust: TrustProxy, remote: string | null, forwarded: string | null): string | null {
  const said = (forwarded ?? '').split(',').map((part) => part.trim())
  const chain = [remote ?? '', ...said.filter((part) => part !== '').reverse()].map(parse)
  let client: Address | null = null
  for (const [hops, address] of chain.entries()) {
    if (address === null) break
    client = address
    if (!(trust.kind === 'hops' ? hops < trust.hops : isIn(trust.networks, address))) break
  }
  return client?.toString() ?? null
}

/** The network a limit counts for: an IPv4 address, or the /64 of an IPv6 address. */
export function networkOf(client: string | null): string {
  if (client === null) return 'unknown'
  const address = ipaddr.parse(client)
  if (!(address instanceof ipaddr.IPv6)) return client
  return ipaddr.IPv6.networkAddressFromCIDR(`${client.replace(/%.*/, '')}/${IPV6_BITS}`).toString()
}

/** With a port (`192.0.2.1:443`, `[2001:db8::1]:443`) or without; IPv4 in IPv6 is IPv4. */
function parse(text: string): Address | null {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+)(?::\d+)?$/.exec(text)?.[1] ?? text
  return ipaddr.IPv6.isValid(bare) || ipaddr.IPv4.isValidFourPartDecimal(bare) ? ipaddr.process(bare) : null
}

/** Whether a connection comes from one of these networks; one whose address is not known comes from none. */
export function isFromNetworks(networks: readonly string[], remote: string | null): boolean {
  const address = parse(remote ?? '')
  return address !== null && isIn(networks, address)
}

function isIn(networks: readonly string[], address: Address): boolean {
  return networks.some((network) => {
    const [base, bits] = ipaddr.parseCIDR(network)
    return base.kind() === address.kind() && address.match(base, bits)
  })
}
