import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'
import { CourantError } from '../../errors.ts'

/** Encrypts what a source's server is shown and nobody else is to know: passwords and headers. */
export type SecretCipher = {
  readonly encrypt: (text: string) => string
  /** What `encrypt` made with any valid SECRET; a text in clear, as it was kept formerly, is its own. @throws CourantError `source.secret` */
  readonly decrypt: (kept: string) => string
  /** Whether it is encrypted, with the first SECRET. */
  readonly isCurrent: (kept: string) => boolean
}

/** Version, then nonce of 96 bits, tag of 128 bits (NIST SP 800-38D) and ciphertext in base64url. */
const ENCRYPTED = /^v1:([\w-]{16}):([\w-]{22}):([\w-]*)$/
const NONCE_OCTETS = 12

/** Opens the cipher of these secrets: the first encrypts, all decrypt. */
export function openSecretCipher(secrets: readonly string[]): SecretCipher {
  const keys = secrets.map((secret) =>
    createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', 'courant source secrets', 32))),
  )
  const [first] = keys
  if (first === undefined) throw new RangeError('no secret to encrypt with')
  return {
    encrypt: (text) => encrypt(first, text),
    decrypt: (kept) => {
      if (!ENCRYPTED.test(kept)) return kept
      for (const key of keys) {
        const text = decrypt(key, kept)
        if (text !== null) return text
      }
      throw unreadable()
    },
    isCurrent: (kept) => decrypt(first, kept) !== null,
  }
}

function encrypt(key: KeyObject, text: string): string {
  const nonce = randomBytes(NONCE_OCTETS)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const hidden = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return ['v1', ...[nonce, cipher.getAuthTag(), hidden].map((part) => part.toString('base64url'))].join(':')
}

/** Null for what was not made with this key. */
function decrypt(key: KeyObject, kept: string): string | null {
  const [, nonce, tag, hidden] = ENCRYPTED.exec(kept) ?? []
  if (nonce === undefined || tag === undefined || hidden === undefined) return null
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'), { authTagLength: 16 })
  decipher.setAuthTag(Buffer.from(tag, 'base64url'))
  try {
    return Buffer.concat([decipher.update(Buffer.from(hidden, 'base64url')), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

function unreadable(): CourantError {
  return new CourantError('source.secret', {
    what: 'The password or a header of the source cannot be decrypted.',
    why: 'SECRET is another one than when it was kept: give it again with "courant source set", or add the old SECRET behind the new one.',
  })
}

/** The secrets of a source, as they are kept or as they are sent. */
export type Secrets = { readonly password: string | null; readonly headers: Readonly<Record<string, string>> | null }

/** Applies a function to each secret. */
export function mapSecrets({ password, headers }: Secrets, change: (text: string) => string) {
  return {
    password: password === null ? null : change(password),
    headers: headers === null ? null : mapValues(headers, change),
  }
}

function mapValues(
  headers: Readonly<Record<string, string>>,
  change: (text: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, change(value)]))
}

/** Secrets as they are to be kept: those that were kept stay as they are where they are encrypted, all others are encrypted. */
export function keepSecrets(before: Secrets, after: Secrets, cipher: SecretCipher | undefined) {
  const kept = new Set([before.password, ...Object.values(before.headers ?? {})])
  return mapSecrets(after, (text) => {
    if (kept.has(text) && ENCRYPTED.test(text)) return text
    if (cipher === undefined) throw new RangeError('a secret is to be kept, and there is no cipher')
    return cipher.encrypt(text)
  })
}

/** Secrets as they are sent. @throws CourantError `source.secret` */
export function openSecrets(kept: Secrets, cipher: SecretCipher | undefined) {
  return mapSecrets(kept, (text) => {
    if (cipher !== undefined) return cipher.decrypt(text)
    throw new RangeError('a secret is to be sent, and there is no cipher')
  })
}
