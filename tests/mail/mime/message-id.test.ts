import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromBase32, toBase32 } from '../../../src/mail/mime/base32.ts'
import { openBlockCipher } from '../../../src/mail/mime/block-cipher.ts'
import { messageIdOf, messageName, readMessageNumber, returnPathOf } from '../../../src/mail/mime/message-id.ts'

test('base32 gives back what it was given, in either case', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (octets) => {
      expect(fromBase32(toBase32(octets))).toEqual(Buffer.from(octets))
      expect(fromBase32(toBase32(octets).toUpperCase())).toEqual(Buffer.from(octets))
    }),
  )
  expect(fromBase32('no base32!')).toBeNull()
})

test('a message has one name, from which its number is read with the nonce alone', () => {
  const nonce = randomBytes(32)
  const name = messageName('abcdefghijklmnop', openBlockCipher(nonce), 4711)
  expect(messageName('abcdefghijklmnop', openBlockCipher(nonce), 4711)).toBe(name)
  expect(messageName('abcdefghijklmnop', openBlockCipher(nonce), 4712)).not.toBe(name)
  expect(readMessageNumber(name.split('-')[1] ?? '', nonce)).toBe(4711)
  expect(readMessageNumber(name.split('-')[1] ?? '', randomBytes(32))).toBeNull()
  expect(messageIdOf(name, 'news@Example.org')).toBe(`<${name}@example.org>`)
  const path = returnPathOf(name, 'bounces.example.org')
  expect(path.split('@')[0]?.length).toBeLessThanOrEqual(64)
})
