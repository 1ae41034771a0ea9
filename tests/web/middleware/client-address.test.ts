import { describe, expect, test } from 'vitest'
import type { TrustProxy } from '../../../src/config/trusted-proxies.ts'
import { networkOf, readClient } from '../../../src/web/middleware/client-address.ts'

const hops = (count: number): TrustProxy => ({ kind: 'hops', hops: count })
const networks = (...list: string[]): TrustProxy => ({ kind: 'networks', networks: list })

describe('the address of a reader', () => {
  test.each([
    ['without proxies, what is forwarded counts for nothing', hops(0), '192.0.2.1', '198.51.100.9', '192.0.2.1'],
    ['one proxy: the last entry', hops(1), '10.0.0.1', '198.51.100.9, 203.0.113.5', '203.0.113.5'],
    ['two proxies: the last but one', hops(2), '10.0.0.1', '198.51.100.9, 203.0.113.5', '198.51.100.9'],
    ['more proxies than entries: the first', hops(5), '10.0.0.1', '203.0.113.5', '203.0.113.5'],
    ['nothing forwarded: the proxy itself', hops(1), '10.0.0.1', null, '10.0.0.1'],
    [
      'networks: the first from the right that is in none',
      networks('10.0.0.0/8'),
      '10.0.0.1',
      '198.51.100.9, 203.0.113.5, 10.1.1.1',
      '203.0.113.5',
    ],
    ['a stranger is not believed', networks('10.0.0.0/8'), '192.0.2.1', '198.51.100.9', '192.0.2.1'],
    ['nonsense ends the chain', hops(3), '10.0.0.1', '198.51.100.9, unknown, 203.0.113.5', '203.0.113.5'],
    ['ports and brackets are dropped', hops(1), '10.0.0.1', '[2001:db8::1]:443', '2001:db8::1'],
    ['ports are dropped', hops(1), '10.0.0.1', '203.0.113.5:1234', '203.0.113.5'],
    ['IPv4 in IPv6 is IPv4', networks('127.0.0.1/32'), '::ffff:127.0.0.1', '::ffff:203.0.113.5', '203.0.113.5'],
    ['IPv6 networks', networks('fd00::/8'), 'fd00::1', '2001:db8::7', '2001:db8::7'],
  ] as const)('%s', (_, trust, remote, forwarded, client) => {
    expect(readClient(trust, remote, forwarded)).toBe(client)
  })

  test('is unknown without a connection', () => {
    expect(readClient(hops(0), null, '192.0.2.1')).toBeNull()
    expect(networkOf(null)).toBe('unknown')
  })
})

describe('the network a limit counts for', () => {
  test('is an IPv4 address, or the /64 of an IPv6 address', () => {
    expect(networkOf('192.0.2.1')).toBe('192.0.2.1')
    expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe(networkOf('2001:db8:1:2::1'))
    expect(networkOf('2001:db8:1:2::1')).not.toBe(networkOf('2001:db8:1:3::1'))
  })
})
