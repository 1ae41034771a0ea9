/** What a relay offers in its reply to EHLO. */
export type Capabilities = {
  /** RFC 2920. */
  readonly pipelining: boolean
  /** RFC 1870: the largest message in octets, 0 where none is named; null where sizes are not wanted. */
  readonly size: number | null
  /** RFC 6152. */
  readonly eightBit: boolean
  /** RFC 6531. */
  readonly smtpUtf8: boolean
  /** RFC 3207. */
  readonly startTls: boolean
  /** RFC 4954: mechanisms in capitals. */
  readonly auth: readonly string[]
}

/** What a relay offers that knows HELO only. */
export const NO_CAPABILITIES: Capabilities = {
  pipelining: false,
  size: null,
  eightBit: false,
  smtpUtf8: false,
  startTls: false,
  auth: [],
}

/** Reads the text of a reply to EHLO; its first line is the relay's name and greeting. RFC 5321 §4.1.1.1. */
export function readCapabilities(text: string): Capabilities {
  const lines = text
    .split('\n')
    .slice(1)
    .map((line) => line.slice(4).trim().toUpperCase())
  const has = (keyword: string) => lines.some((line) => line.split(/\s/, 1)[0] === keyword)
  const size = lines.map((line) => /^SIZE(?:\s+(\d{1,15}))?$/.exec(line)).find((match) => match !== null)
  return {
    pipelining: has('PIPELINING'),
    size: size === undefined ? null : Number(size[1] ?? 0),
    eightBit: has('8BITMIME'),
    smtpUtf8: has('SMTPUTF8'),
    startTls: has('STARTTLS'),
    // "AUTH=LOGIN" is how servers wrote it before there was a standard.
    auth: lines.filter((line) => /^AUTH[\s=]/.test(line)).flatMap((line) => line.slice(5).split(/[\s=]+/)),
  }
}
