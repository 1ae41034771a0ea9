import { domainToASCII, domainToUnicode } from 'node:url'
import { suggestDomain } from './suggest-domain.ts'

/** What is known about a typed address: `address` is its clean form when valid, `suggestion` a likelier address. */
type AddressCheck = {
  readonly valid: boolean
  /** One English sentence; null when valid. It never repeats what was typed. */
  readonly reason: string | null
  readonly suggestion: string | null
  readonly address: string | null
}

/** RFC 5321 §4.5.3.1.1, RFC 1035 §2.3.4 and RFC 3696 erratum 1690; all in octets. */
const LOCAL_MAX = 64
const DOMAIN_MAX = 253
const ADDRESS_MAX = 254

/** RFC 6761, 6762 and 7686: names that lead to no mailbox. `test` and `example` are ordinary names to software. */
const UNREACHABLE = new Set(['arpa', 'invalid', 'local', 'localhost', 'onion'])

/** RFC 5322 §3.2.3 atext, widened by RFC 6531 §3.3, without what is invisible, unassigned or white space. */
const LOCAL_CHARACTERS = /^(?!\p{M})(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]|[^\p{ASCII}\p{Z}\p{C}])*$/u
const LETTERS_DIGITS_HYPHENS = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/
/** RFC 5892: letters, marks and digits, the three punctuation marks IDNA allows, and the full stops it reads as dots. */
const DOMAIN_CHARACTERS = /^[\p{L}\p{M}\p{N}.\-－·׳״．。｡]+$/u
/** What separates, quotes or comments in a header. A full-width form of one of these reads like it, too. */
const SPECIALS = /[\s"(),:;<>@[\\\]]/

/**
 * Says whether `input` is exactly one address a newsletter can be sent to.
 *
 * White space around it is dropped. Refused are display names, comments, quoted local parts and domain literals, which
 * RFC 5322 allows and people do not type. The clean `address` is in NFC, keeps the case of its local part, and has a
 * readable domain (`müller.de`, not `xn--mller-kva.de`).
 */
export function checkAddress(input: string): AddressCheck {
  const { local, domain } = readTyped(input)
  const { address, reason } = cleanAddress(input)
  const likely = whyNotLocal(local) === null ? suggestDomain(domain) : null
  return { valid: reason === null, reason, suggestion: likely === null ? null : `${local}@${likely}`, address }
}

/** What `checkAddress` says but for the suggestion, which takes ten times as long as the rest: 0.1 ms. */
export function cleanAddress(input: string): Pick<AddressCheck, 'address' | 'reason'> {
  const { typed, local, domain } = readTyped(input)
  const reason = whyNotWhole(typed) ?? whyNotLocal(local) ?? whyNotDomain(domain) ?? whyTooLong(local, domain)
  return reason === null ? { address: `${local}@${readableDomain(domain)}`, reason } : { address: null, reason }
}

function readTyped(input: string): { typed: string; local: string; domain: string } {
  const typed = input.trim().normalize('NFC')
  const at = typed.lastIndexOf('@')
  return { typed, local: typed.slice(0, Math.max(at, 0)), domain: typed.slice(at + 1) }
}

/** The identity of an address: two spellings with the same key are one mailbox to Courant. NFC, lower case, A-labels. */
export function addressKey(address: string): string {
  const { local, domain } = splitAddress(address.trim().normalize('NFC'))
  return `${local.toLowerCase().normalize('NFC')}@${asciiDomain(domain)}`
}

/** Shortens an address to what logs and pages may show: `r…@example.net`. */
export function shortenAddress(address: string): string {
  const { local, domain } = splitAddress(address)
  return `${[...local][0] ?? ''}…@${domain}`
}

/** What looks like an address in a text; a relay may name one in a URL, too. RFC 5321 §4.1.2: a local part may be quoted. */
const IN_TEXT =
  /(?:"[^"]*"|[^\s"'“”„»«<>()[\],;:/]+)(?:@|%40)(?:\[[^\]\s]*\]|[^\s"'“”„»«<>()[\],;:/]*[^\s"'“”„»«<>()[\],;:/.?!])/gi

/** A text with every address in it shortened: what a relay says may stand in a log then. */
export function shortenAddresses(text: string): string {
  return text.replace(IN_TEXT, (found) => shortenAddress(found.replace(/%40/gi, '@')))
}

/** The domain of an address as headers carry it: A-labels, in lower case. */
export function asciiDomainOf(address: string): string {
  return asciiDomain(splitAddress(address).domain.toLowerCase())
}

/** The address as it stands in an SMTP envelope, its domain in A-labels; SMTPUTF8 (RFC 6531) only for its local part. */
export function envelopeAddress(address: string): { readonly address: string; readonly needsSmtpUtf8: boolean } {
  const { local, domain } = splitAddress(address)
  if (domain === '') return { address, needsSmtpUtf8: false }
  return { address: `${local}@${asciiDomain(domain)}`, needsSmtpUtf8: /[^\p{ASCII}]/u.test(local) }
}

/** A domain in A-labels from however it was typed; null for what mail cannot be sent from. */
export function readDomain(typed: string): string | null {
  const domain = typed.trim().normalize('NFC')
  return whyNotDomain(domain) === null ? domainToASCII(domain) : null
}

function splitAddress(address: string): { local: string; domain: string } {
  const at = address.lastIndexOf('@')
  return at < 0 ? { local: address, domain: '' } : { local: address.slice(0, at), domain: address.slice(at + 1) }
}

function whyNotWhole(typed: string): string | null {
  if (typed === '') return 'There is no address.'
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(typed)) return 'It contains a line break or another control character.'
  if (!typed.includes('@')) return 'It has no @.'
  if (/[<>"()[\]]/.test(typed)) return 'Only the bare address is wanted, without name, quotes, comment or brackets.'
  if (typed.indexOf('@') !== typed.lastIndexOf('@')) return 'It has more than one @; exactly one address is wanted.'
  return null
}

function whyNotLocal(local: string): string | null {
  if (local === '') return 'Nothing stands before the @.'
  if (!LOCAL_CHARACTERS.test(local) || SPECIALS.test(local.normalize('NFKC'))) {
    return 'A character before the @ cannot stand in an address.'
  }
  if (/^\.|\.$|\.\./.test(local)) return 'Before the @, a dot stands at the start, at the end or beside another dot.'
  if (Buffer.byteLength(local) > LOCAL_MAX) return `The part before the @ is longer than ${LOCAL_MAX} octets.`
  return null
}

function whyNotDomain(domain: string): string | null {
  if (domain === '') return 'Nothing stands after the @.'
  if (!DOMAIN_CHARACTERS.test(domain)) return 'A character after the @ cannot stand in a domain.'
  const ascii = domainToASCII(domain)
  const labels = ascii.split('.')
  const last = labels.at(-1) ?? ''
  if (ascii === '' || !isInternational(ascii)) return 'There can be no such domain.'
  if (labels.includes('')) return 'After the @, a dot stands at the start, at the end or beside another dot.'
  if (ascii.length > DOMAIN_MAX) return `The domain is longer than ${DOMAIN_MAX} octets.`
  if (labels.some((label) => label.length > 63)) return 'A part of the domain is longer than 63 octets.'
  if (!labels.every((label) => LETTERS_DIGITS_HYPHENS.test(label))) return 'A part of the domain is not a name.'
  // RFC 5890 §2.3.1: hyphens in the third and fourth place are kept for encodings, of which there is only xn--.
  if (labels.some((label) => /^(?!xn)..--/.test(label))) return 'A part of the domain is not a name.'
  if (UNREACHABLE.has(last)) return 'The domain is kept for special use and has no mailboxes.'
  if (labels.length < 2) return 'The domain has no dot.'
  if (!/[a-z]$/.test(last)) return 'The domain does not end as a domain can end.'
  return null
}

/** Each xn-- label must decode, and decode to what IDNA 2008 allows: no emoji, and no hyphen at its start or end. */
function isInternational(ascii: string): boolean {
  const readable = domainToUnicode(ascii)
  return (
    DOMAIN_CHARACTERS.test(readable) && !/(?:^|\.)xn--|(?:^|\.)-[^.]*\P{ASCII}|\P{ASCII}[^.]*-(?:\.|$)/u.test(readable)
  )
}

function whyTooLong(local: string, domain: string): string | null {
  const length = Buffer.byteLength(local) + 1 + Math.max(domainToASCII(domain).length, Buffer.byteLength(domain))
  return length > ADDRESS_MAX ? `It is longer than ${ADDRESS_MAX} octets.` : null
}

function readableDomain(domain: string): string {
  return domainToUnicode(domainToASCII(domain))
}

/** What IDNA leaves as it is; the conversion costs 4 µs, twice a message. */
const PLAIN_DOMAIN = /^(?!.*xn--)[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]+$/

function asciiDomain(domain: string): string {
  if (PLAIN_DOMAIN.test(domain)) return domain
  return domainToASCII(domain) || domain.toLowerCase()
}
