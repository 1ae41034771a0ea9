import { encodeWord, foldLines } from 'nodemailer/lib/mime-funcs'
import MimeNode from 'nodemailer/lib/mime-node'
import { CourantError } from '../../errors.ts'

/** A name, if there is one, and an address, as they stand in From, To and Reply-To. */
export type Mailbox = { readonly name: string | null; readonly address: string }

/** RFC 5322 §2.1.1, in octets. */
const LINE_MAX = 998
/** Headers are folded before they have so many. */
const LINE = 76

/** An address that needs neither quotes nor A-labels nor another line. */
const PLAIN_ADDRESS = /^(?=.{1,70}$)(?!.*xn--)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[a-z0-9-]+\.)+[a-z]+$/

/** Encodes header values exactly as nodemailer does when it composes; its method depends on nothing but its arguments. */
const encoder = new MimeNode()

/**
 * Writes a header whose value is printable ASCII (`checkHeaderValue`), folded as nodemailer would, which takes 10 µs for it,
 * with its CRLF. Throws when a line would pass 998 octets.
 */
export function writeHeader(name: string, value: string): string {
  let lines = ''
  let rest = `${name}: ${value}`
  while (rest.length >= LINE) {
    const near = rest.lastIndexOf(' ', LINE - 1)
    const blank = near > 0 ? near : rest.indexOf(' ', LINE)
    if (blank < 0) break
    lines += `${rest.slice(0, blank)}\r\n`
    rest = rest.slice(blank)
  }
  return checkLines(name, lines + rest)
}

/**
 * Writes the To header of one mailbox, with its CRLF.
 *
 * The domain is in A-labels and the header ASCII, unless the local part is not (then the message needs SMTPUTF8, RFC
 * 6532). A name without spaces that no line can hold becomes encoded words (RFC 2047), which can be folded.
 */
export function writeTo(to: Mailbox): string {
  // Most readers give no name; nodemailer takes 15 µs for the same.
  const name = cleanName(to.name ?? '')
  if (name === '' && PLAIN_ADDRESS.test(to.address)) return `To: ${to.address}\r\n`
  const plain = foldLines(`To: ${encoder.encodeHeaderValue('To', { name, address: to.address })}`, 76)
  if (name === '' || fitsLines(plain)) return checkLines('To', plain)
  const address = encoder.encodeHeaderValue('To', { name: '', address: to.address })
  const bare = address.startsWith('<') ? address : `<${address}>`
  return checkLines('To', foldLines(`To: ${encodeWord(name, 'Q', 52)} ${bare}`, 76))
}

/** A name without control characters: encoded, a line break would be a line break again to whoever decodes it. */
export function cleanName(name: string): string {
  return PRINTABLE.test(name) ? name : name.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim()
}

const PRINTABLE = /^[\x20-\x7e]*$/

/** Throws unless a value filled in for a reader can stand in a header: printable ASCII, so no line break either. */
export function checkHeaderValue(name: string, value: string): void {
  if (PRINTABLE.test(value)) return
  throw new CourantError('mail.header-value', {
    what: `A value filled into the header ${name} has characters a header cannot carry.`,
    why: 'Only printable ASCII can stand there.',
    todo: 'Encode the value, or leave it to the body.',
  })
}

function checkLines(name: string, lines: string): string {
  if (fitsLines(lines)) return `${lines}\r\n`
  throw new CourantError('mail.header-too-long', {
    what: `The header ${name} has a line of more than ${LINE_MAX} octets that cannot be folded.`,
    todo: 'Shorten it, or put spaces in.',
  })
}

/** Whether no line of `text` is longer than RFC 5322 allows. */
export function fitsLines(text: string): boolean {
  return text.split('\r\n').every((line) => line.length * 3 <= LINE_MAX || Buffer.byteLength(line) <= LINE_MAX)
}
