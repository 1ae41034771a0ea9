const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const BITS = 5

/** Lower-case base32 without padding. RFC 4648 §6. Survives mail systems that fold case. */
export function toBase32(octets: Uint8Array): string {
  let text = ''
  let held = 0
  let value = 0
  for (const octet of octets) {
    value = ((value << 8) | octet) & 0xfff
    held += 8
    while (held >= BITS) {
      held -= BITS
      text += ALPHABET[(value >>> held) & 31]
    }
  }
  return held === 0 ? text : text + ALPHABET[(value << (BITS - held)) & 31]
}

/** The octets of a base32 text in either case, or null where it is none. */
export function fromBase32(text: string): Buffer | null {
  const octets: number[] = []
  let held = 0
  let value = 0
  for (const letter of text.toLowerCase()) {
    const index = ALPHABET.indexOf(letter)
    if (index < 0) return null
    value = ((value << BITS) | index) & 0xfff
    held += BITS
    if (held >= 8) {
      held -= 8
      octets.push((value >>> held) & 255)
    }
  }
  return Buffer.from(octets)
}
