import { addressKey } from './address.ts'

/** Where mail to an address ends, as far as its spelling tells. */
type Mailbox = {
  /** Equal for spellings that lead to one mailbox. */
  readonly key: string
  readonly domain: string
  /** The address is another spelling than the mailbox's plain one. */
  readonly isVariant: boolean
}

/** Providers to whom dots before the @ mean nothing, and the domain they deliver to. */
const DOTLESS: Readonly<Record<string, string>> = { 'gmail.com': 'gmail.com', 'googlemail.com': 'gmail.com' }

/**
 * The mailbox of a valid address: without the tag behind a plus sign, at Gmail without dots. For limits only, never for who a
 * reader is: some providers deliver `a+b@` and `a@` to different people.
 */
export function mailboxOf(address: string): Mailbox {
  const key = addressKey(address)
  const at = key.lastIndexOf('@')
  const domain = DOTLESS[key.slice(at + 1)] ?? key.slice(at + 1)
  const local = key.slice(0, at)
  const untagged = local.replace(/(?<=.)\+.*$/, '')
  const plain = DOTLESS[domain] === undefined ? untagged : untagged.replaceAll('.', '')
  return { key: `${plain}@${domain}`, domain, isVariant: plain !== local }
}
