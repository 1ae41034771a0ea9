import type { Relay } from '../relays/relay.ts'

/** Makes a text fit for rows and logs. */
export type Redact = (text: string) => string

/** Where nothing secret was said. */
export const REDACT_NOTHING: Redact = (text) => text

/** Shorter than this, a part of a credential may be any word. */
const SECRET_LENGTH = 8
const REDACTED = '…'
const PADDING = /…=+/g

/**
 * Hides from a relay's words what it was told at the login: a relay that does not know a command, or refuses it, may repeat
 * it. Hidden are password, user and the base64 of each line that was said, in whatever case, whole or cut; a user of few
 * letters is no secret, and may be any word.
 */
export function redactLogin({ user, password }: NonNullable<Relay['credentials']>): Redact {
  const lines = [`\0${user}\0${password}`, user, password].map((line) => Buffer.from(line, 'utf8').toString('base64'))
  const own = user.length >= SECRET_LENGTH ? [password, user] : [password]
  const secrets = [...own, ...lines.map((line) => line.replace(/=+$/, ''))]
  const whole = new RegExp(
    secrets
      .toSorted((a, b) => b.length - a.length)
      .map(literally)
      .join('|'),
    'giu',
  )
  const parts = secrets.map((secret) => secret.toLowerCase())
  const isPart = (word: string) =>
    word.length >= SECRET_LENGTH && parts.some((secret) => secret.includes(word.toLowerCase()))
  return (text) =>
    text
      .replace(whole, REDACTED)
      .replace(PADDING, REDACTED)
      .replace(/[^\s"'<>()=:,;]+/g, (word) => (isPart(word) ? REDACTED : word))
}

/** A short secret is hidden only where it stands alone: the reply would be riddled with holes and mean nothing. */
function literally(secret: string): string {
  const pattern = secret.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  return secret.length >= SECRET_LENGTH ? pattern : `(?<![\\p{L}\\p{N}])${pattern}(?![\\p{L}\\p{N}])`
}
