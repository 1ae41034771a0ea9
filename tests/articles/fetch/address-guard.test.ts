import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { guardUrl, isPublicAddress, refuseUrl } from '../../../src/articles/fetch/address-guard.ts'
import { corpora, readCases } from '../../support/corpora.ts'

const PUBLIC = '93.184.215.14'
/** Names that really lead inwards, as the resolver of a hostile zone answers. */
const INWARD: Record<string, string[]> = { 'lvh.me': ['127.0.0.1'], 'mixed.example': [PUBLIC, '10.0.0.1'] }
const resolve = async (host: string) => INWARD[host] ?? [PUBLIC]

async function verdict(address: string, allowPrivate = false): Promise<'open' | 'refused'> {
  const url = URL.parse(address)
  return url === null ? 'refused' : (await guardUrl(url, { allowPrivate, resolve })).kind
}

describe('the guard', () => {
  test.each([
    'http://127.0.0.1/',
    'http://127.1/',
    'http://0x7f.0.0.1/',
    'http://017700000001/',
    'http://2130706433/',
    'http://①②⑦.⓪.⓪.①/',
    'http://127.0.0.1./',
    'http://0.0.0.0/',
    'http://10.1.2.3/',
    'http://100.64.0.1/',
    'http://100.100.100.200/',
    'http://169.254.169.254/',
    'http://168.63.129.16/',
    'http://192.0.0.192/',
    'http://192.0.2.1/',
    'http://198.18.0.1/',
    'http://224.0.0.1/',
    'http://255.255.255.255/',
    'http://[::]/',
    'http://[::1]/',
    'http://[::7f00:1]/',
    'http://[::ffff:10.0.0.1]/',
    'http://[::ffff:0:7f00:1]/',
    'http://[64:ff9b::169.254.169.254]/',
    'http://[64:ff9b:1::1]/',
    'http://[2002:7f00:1::]/',
    'http://[2001:0:7f00:1::]/',
    'http://[2001:db8::1]/',
    'http://[fe80::1]/',
    'http://[fec0::1]/',
    'http://[fd00:ec2::254]/',
    'http://[ff02::1]/',
    'http://[100::1]/',
    'http://[fe80::1%25eth0]/',
  ])('refuses the address of %s', async (address) => {
    expect(await verdict(address)).toBe('refused')
  })

  test.each([
    'http://localhost/',
    'http://LOCALHOST./',
    'http://%6c%6fcalhost/',
    'http://db.localhost/',
    'http://intranet/',
    'http://printer.local/',
    'http://metadata.google.internal/',
    'http://nas.home.arpa/',
    'http://127.0.0.1!/',
    'http://a..example/',
  ])('refuses the name of %s without asking a resolver', async (address) => {
    const asked: string[] = []
    const ask = async (host: string) => {
      asked.push(host)
      return [PUBLIC]
    }
    const url = new URL(address)
    expect((await guardUrl(url, { allowPrivate: false, resolve: ask })).kind).toBe('refused')
    expect(asked).toEqual([])
  })

  test('refuses every scheme but http and https', async () => {
    for (const scheme of ['file', 'ftp', 'gopher', 'dict', 'ldap', 'ws', 'data', 'javascript', 'unix'])
      expect(await verdict(`${scheme}://example.com/`)).toBe('refused')
  })

  test('refuses a URL with a user name, which is mostly there to look like a host', async () => {
    expect(await verdict('http://example.com@127.0.0.1/')).toBe('refused')
    expect(await verdict('http://127.0.0.1%2f@evil.example/')).toBe('refused')
  })

  test('looks at every address of a name and refuses it for one that is not public', async () => {
    expect(await verdict('http://lvh.me/')).toBe('refused')
    expect(await verdict('http://mixed.example/')).toBe('refused')
    expect(await verdict('http://other.example/')).toBe('open')
  })

  test('refuses a name that has no address or whose resolver fails', async () => {
    const url = new URL('http://gone.example/')
    const broken = async () => {
      throw new Error('no such host')
    }
    expect((await guardUrl(url, { allowPrivate: false, resolve: async () => [] })).kind).toBe('refused')
    expect((await guardUrl(url, { allowPrivate: false, resolve: broken })).kind).toBe('refused')
  })

  test('lets public addresses pass, an IPv4 one behind NAT64 too', () => {
    const addresses = [
      PUBLIC,
      '172.32.0.1',
      '100.128.0.1',
      '2606:2800:21f:cb07:6820:80da:af6b:8b2c',
      '64:ff9b::808:808',
    ]
    expect(addresses.filter((address) => !isPublicAddress(address))).toEqual([])
  })

  test('with private addresses allowed still refuses other schemes', async () => {
    expect(await verdict('http://127.0.0.1/', true)).toBe('open')
    expect(await verdict('http://localhost/', true)).toBe('open')
    expect(await verdict('file:///etc/passwd', true)).toBe('refused')
  })

  test('never lets an IPv4 address pass inside IPv6 that it refuses bare', () => {
    const octet = fc.integer({ min: 0, max: 255 })
    fc.assert(
      fc.property(fc.tuple(octet, octet, octet, octet), (octets) => {
        const bare = octets.join('.')
        const inside = [`::ffff:${bare}`, `64:ff9b::${bare}`, `::${bare}`]
        return isPublicAddress(bare) || inside.every((address) => !isPublicAddress(address))
      }),
    )
  })

  test('knows no address from a text that is none', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof isPublicAddress(text) === 'boolean'))
  })

  test.skipIf(corpora === null)('refuses all of the blocked cases and lets the allowed ones pass', async () => {
    const cases = readCases<{ blocked: { url: string }[]; allowed: { url: string; expect: string }[] }>('ssrf.json')
    const passed = []
    for (const { url } of cases.blocked) if ((await verdict(url)) === 'open') passed.push(url)
    expect(passed).toEqual([])
    const stopped = []
    for (const { url, expect: wanted } of cases.allowed)
      if (wanted === 'allowed' && (await verdict(url)) === 'refused') stopped.push(url)
    expect(stopped).toEqual([])
  })

  test('says why in a sentence', () => {
    expect(refuseUrl(new URL('http://10.0.0.1/'), false)).toBe('The address 10.0.0.1 is not public.')
    expect(refuseUrl(new URL('ftp://example.com/'), false)).toBe('The scheme ftp: is not http or https.')
  })
})
