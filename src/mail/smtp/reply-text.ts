/** How much of a relay's reply is worth keeping. */
const LONGEST_TEXT = 500

/** Nearly all replies: one line of ASCII whose words stand one blank apart. */
const CLEAN = /^[!-~]+(?: [!-~]+)*$/

/** The text of an SMTP reply in one line, without control characters, at most 500 characters. */
export function cleanText(text: string): string {
  if (text.length <= LONGEST_TEXT && CLEAN.test(text)) return text
  const line = text.replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  return [...line].slice(0, LONGEST_TEXT).join('')
}

/**
 * The enhanced status code (RFC 3463) in an SMTP reply or a DSN status, or null.
 *
 * It need not come first ("550 #5.1.0 Address rejected"), but it must be of the class of the reply's own code, so that an
 * IP address or a version number is not taken for one.
 */
export function parseEnhanced(text: string): string | null {
  const kind = text.match(/^([245])\d\d(?=[ -]|$)/)?.[1] ?? '[245]'
  return text.match(new RegExp(`(?:^|[\\s#([-])(${kind}\\.\\d{1,3}\\.\\d{1,3})(?![.\\d])`))?.[1] ?? null
}

/** The code that a relay's words begin with; null for words of our own. RFC 5321 §4.2. */
export function replyCode(text: string): number | null {
  const digits = /^[2-5]\d\d(?=[ -]|$)/.exec(text)?.[0]
  return digits === undefined ? null : Number(digits)
}
