import { envelopeAddress } from './address.ts'

/** RFC 6068 §2: what of an address may stand in a mailto as it is, though a query of HTTP may not have it. */
const LITERAL = /%(?:24|2B|40)/g

/**
 * The `mailto:` URL of an address, for a link or a header: printable ASCII, its domain in A-labels, and percent-encoded
 * whatever would end the address and begin a field.
 */
export function mailtoOf(address: string, subject: string | null = null): string {
  const to = encodeURIComponent(envelopeAddress(address).address).replace(LITERAL, decodeURIComponent)
  return `mailto:${to}${subject === null ? '' : `?subject=${encodeURIComponent(subject)}`}`
}
