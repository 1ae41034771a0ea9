import { CourantError } from '../../errors.ts'
import { changeHeaders } from '../fetch/request-headers.ts'

/** What a source is shown when it is fetched, besides what every fetch says. */
type Access = {
  readonly userAgent: string | null
  readonly username: string | null
  readonly password: string | null
  /** Names in lower case. */
  readonly headers: Record<string, string> | null
}

/** What is to change of it; undefined stays. */
export type AccessChange = {
  /** An empty text goes back to Courant's own. */
  readonly userAgent?: string
  /** An empty name takes name and password away. */
  readonly username?: string
  readonly password?: string
  /** `Name: value` each; without a value it takes that header away. */
  readonly headers?: readonly string[]
}

/**
 * Changes what a source is shown.
 *
 * @throws CourantError `source.invalid`; it never repeats a secret.
 */
export function changeAccess(before: Access, change: AccessChange): Access {
  return {
    ...changeCredentials(before, change),
    userAgent: change.userAgent === undefined ? before.userAgent : readUserAgent(change.userAgent),
    headers: changeHeaders(before.headers ?? {}, change.headers ?? []),
  }
}

/** A change to which the user name and password of an address are added, where it says none itself. */
export function withAddress(
  change: AccessChange,
  address: { readonly username: string | null; readonly password: string | null } | null,
): AccessChange {
  const username = change.username ?? address?.username ?? undefined
  const password = change.password ?? address?.password ?? undefined
  return { ...change, username, password }
}

function changeCredentials(
  before: Access,
  { username, password }: AccessChange,
): Pick<Access, 'username' | 'password'> {
  if (username === '') return { username: null, password: null }
  const changed = { username: username ?? before.username, password: password ?? before.password }
  if (changed.username === null && changed.password !== null)
    throw new CourantError('source.invalid', {
      what: 'A password needs a user name.',
      todo: 'Give --username as well.',
    })
  if (/[\p{Cc}:]/u.test(changed.username ?? '') || /\p{Cc}/u.test(changed.password ?? ''))
    throw new CourantError('source.invalid', {
      what: 'The user name or the password cannot be sent.',
      why: 'Neither takes control characters, and a user name no colon (RFC 7617).',
    })
  return changed
}

function readUserAgent(text: string): string | null {
  const trimmed = text.trim()
  if (trimmed === '') return null
  if (/^[\x20-\x7e]{1,300}$/.test(trimmed)) return trimmed
  throw new CourantError('source.invalid', {
    what: 'The user agent is wrong.',
    why: 'It takes at most 300 characters of plain ASCII.',
  })
}
