import { createDecipheriv, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import { type BlockCipher, openBlockCipher } from '../mail/mime/block-cipher.ts'

/** What a link is for; a token for one purpose is void for every other. */
export type LinkPurpose = 'confirm' | 'preferences' | 'unsubscribe' | 'undo'

/** The keys of all valid secrets; the first signs. Key objects, since a key in a buffer is made one at each use, for 20 µs. */
export type LinkKeys = readonly { readonly key: KeyObject; readonly cover: BlockCipher; readonly sign: KeyObject }[]

/**
 * Whose link it is: a subscription and its token version, which is raised to void all links sent so far; for `confirm` the notice of
 * one request, version 1; for `undo` the consent record of one act of leaving, and its subscription's token version.
 */
type LinkSubject = { readonly id: number; readonly version: number }

const BLOCK = 16
const MAC = 16

/** Derives the keys of every secret, once. */
export function openLinkKeys(secrets: readonly string[]): LinkKeys {
  const derive = (secret: string, use: string) =>
    createSecretKey(createHmac('sha256', secret).update(`courant link ${use}`).digest())
  return secrets.map((secret) => {
    const key = derive(secret, 'cover')
    return { key, cover: openBlockCipher(key), sign: derive(secret, 'sign') }
  })
}

/**
 * A token of 43 letters: the subject, covered by one AES block so that no sequential id is seen, and an HMAC-SHA-256
 * over purpose and subject, cut to 128 bits (RFC 2104 §5).
 */
export function signLink(keys: LinkKeys, purpose: LinkPurpose, subject: LinkSubject): string {
  const key = keys[0]
  if (key === undefined) throw new RangeError('no secret to sign with')
  const block = Buffer.alloc(BLOCK)
  block.writeUInt32BE(subject.version, 4)
  block.writeBigUInt64BE(BigInt(subject.id), 8)
  const covered = key.cover(block)
  return Buffer.concat([covered, authenticate(key.sign, purpose, covered)]).toString('base64url')
}

/** Reads a token made by `signLink` for this purpose with any valid secret; null for every other text. */
export function readLink(keys: LinkKeys, purpose: LinkPurpose, token: string): LinkSubject | null {
  const octets = Buffer.from(token, 'base64url')
  if (octets.length !== BLOCK + MAC) return null
  const covered = octets.subarray(0, BLOCK)
  const key = keys.find(({ sign }) => timingSafeEqual(authenticate(sign, purpose, covered), octets.subarray(BLOCK)))
  if (key === undefined) return null
  const block = createDecipheriv('aes-256-ecb', key.key, null).setAutoPadding(false).update(covered)
  return { version: block.readUInt32BE(4), id: Number(block.readBigUInt64BE(8)) }
}

function authenticate(key: KeyObject, purpose: LinkPurpose, covered: Buffer): Buffer {
  return createHmac('sha256', key).update(`${purpose}:`).update(covered).digest().subarray(0, MAC)
}
