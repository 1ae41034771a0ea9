import { createDecipheriv } from 'node:crypto'
import { asciiDomainOf } from '../addresses/address.ts'
import { fromBase32, toBase32 } from './base32.ts'
import type { BlockCipher } from './block-cipher.ts'

const BLOCK = 16
/** The return path's first letter, so that other mail to the inbound domain is told apart. */
const RETURN_PREFIX = 'b-'
/** Public ids of mailings have 16 letters. */
const SINGLE_PREFIX = 'n-'

/**
 * The name of one message of a mailing: the mailing's public id and the message's number, encrypted with the mailing's
 * nonce (32 octets, `openBlockCipher`) as one AES block, in lower-case base32. The same message always has the same name, no
 * reader sees a sequential number, and whoever has the nonce reads it back. 43 characters, within the 64 of RFC 5321
 * §4.5.3.1.1.
 */
export function messageName(publicId: string, cipher: BlockCipher, number: number): string {
  const block = Buffer.alloc(BLOCK)
  block.writeUInt32BE(number, 0)
  return `${publicId}-${toBase32(cipher(block))}`
}

/** The number in the second part of a message's name; null when the name was not made with this nonce. */
export function readMessageNumber(encrypted: string, nonce: Buffer): number | null {
  const octets = fromBase32(encrypted)
  if (octets === null || octets.length !== BLOCK) return null
  const block = createDecipheriv('aes-256-ecb', nonce, null).setAutoPadding(false).update(octets)
  return block.subarray(4).every((octet) => octet === 0) ? block.readUInt32BE(0) : null
}

/**
 * The name of a message that belongs to no mailing, from its own nonce (16 octets), in lower-case base32. 28 characters; no
 * mailing's name begins with `n-`.
 */
export function singleMessageName(nonce: Buffer): string {
  return `${SINGLE_PREFIX}${toBase32(nonce)}`
}

/** The Message-ID with its angle brackets, at the sender's domain in A-labels. RFC 5322 §3.6.4. */
export function messageIdOf(name: string, senderAddress: string): string {
  return `<${name}@${asciiDomainOf(senderAddress)}>`
}

/** The envelope sender that carries the message's name (VERP), so that any bounce finds its delivery. */
export function returnPathOf(name: string, inboundDomain: string): string {
  return `${RETURN_PREFIX}${name}@${inboundDomain}`
}
