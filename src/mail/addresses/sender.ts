import { cleanAddress } from './address.ts'

/** Who sends: a name, empty where only the address is given, and the address with a readable domain. */
type SenderName = { readonly name: string; readonly address: string }

/** A name is one header; longer ones are somebody's mistake. */
const LONGEST_NAME = 200

/** Reads a sender from `address` or `Name <address>`; a text says why it is none. It never repeats what was typed. */
export function readSender(value: string): SenderName | string {
  const [, quoted, plain, bracketed] = /^\s*(?:"([^"<>\p{Cc}]*)"|([^"<>\p{Cc}]*?))\s*<([^<>]+)>\s*$/u.exec(value) ?? []
  const address = readOwnAddress(bracketed ?? value)
  const name = (quoted ?? plain ?? '').trim()
  if ('reason' in address) return address.reason
  if (name.length > LONGEST_NAME) return `The name is longer than ${LONGEST_NAME} characters.`
  return { name, address: address.address }
}

/**
 * Reads an address that stands in every mail, as sender or for answers. One that only a relay with SMTPUTF8 (RFC 6531) can
 * carry is none: nobody knows what each receiver behind the relay takes.
 */
export function readOwnAddress(value: string): { readonly address: string } | { readonly reason: string } {
  const { address, reason } = cleanAddress(value)
  if (address === null) return { reason: reason ?? 'It is no address.' }
  if (/[^\p{ASCII}]/u.test(address.slice(0, address.lastIndexOf('@'))))
    return {
      reason: 'Letters beyond ASCII stand before the @, and many mail servers take no mail from such an address.',
    }
  return { address }
}
