import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openLinkKeys, readLink, signLink } from '../../src/subscribers/tokens.ts'

const OLD = 'the secret of last year, still valid'
const NEW = 'the secret of this year, which signs'
const subject = fc.record({ id: fc.integer({ min: 1 }), version: fc.integer({ min: 1, max: 1e6 }) })

describe('a token', () => {
  test('says its subject to whoever has the secret, for its purpose alone', () => {
    const keys = openLinkKeys([NEW])
    fc.assert(
      fc.property(subject, (of) => {
        const token = signLink(keys, 'unsubscribe', of)
        expect(token).toMatch(/^[\w-]{43}$/)
        expect(readLink(keys, 'unsubscribe', token)).toEqual(of)
        expect(readLink(keys, 'preferences', token)).toBeNull()
        expect(readLink(openLinkKeys([OLD]), 'unsubscribe', token)).toBeNull()
      }),
    )
  })

  test('lives on when a new secret is put in front', () => {
    const token = signLink(openLinkKeys([OLD]), 'confirm', { id: 7, version: 1 })
    expect(readLink(openLinkKeys([NEW, OLD]), 'confirm', token)).toEqual({ id: 7, version: 1 })
  })

  test('is void with any bit changed, cut, or replaced by any text', () => {
    const keys = openLinkKeys([NEW])
    const octets = Buffer.from(signLink(keys, 'unsubscribe', { id: 7, version: 1 }), 'base64url')
    for (let bit = 0; bit < octets.length * 8; bit++) {
      const changed = Buffer.from(octets)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(readLink(keys, 'unsubscribe', changed.toString('base64url'))).toBeNull()
    }
    fc.assert(fc.property(fc.string(), (text) => readLink(keys, 'unsubscribe', text) === null))
  })
})
