/** Longest foreign text looked at, in UTF-16 units: what is shown is far shorter. */
const LONGEST_TEXT = 4_000
/** Longest address linked, in characters: longer ones break in mail programs and eat the message's budget. */
const LONGEST_URL = 2_000

/** Control characters, byte order marks, replacement and annotation characters, bidi overrides, embeddings, isolates. */
const UNSPEAKABLE =
  /[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u200b\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\uffff]/g
const LAYOUT_TAG = /<\/?(?:p|div|table|td|span|br|a)\b[^>]*>/gi
const TAG_START = /<(?=\/?(?:p|div|table|td|span|br|a)\b)/gi
const ENTITY = /&(?:amp|nbsp|quot|apos|lt|gt|#\d{1,7}|#x[0-9a-f]{1,6});/gi
const NAMED: Readonly<Record<string, string>> = { amp: '&', nbsp: '\u00a0', quot: '"', apos: "'", lt: '<', gt: '>' }

/** A name as one line of well-formed text without control characters, which no name has and a header line must not. */
export function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
}

/**
 * Foreign text as one line of plain text: entities that survived collecting are decoded, layout tags, control characters,
 * bidi overrides and lone surrogates are gone. Still to be escaped where it is shown.
 */
export function plainLine(text: string): string {
  let line = text.slice(0, LONGEST_TEXT)
  for (let round = 0; round < 8; round += 1) {
    const cleaned = cleanOnce(line)
    if (cleaned === line) return line.replace(TAG_START, '‹')
    line = cleaned
  }
  return line.replace(/[<&]/g, '')
}

/** Foreign text of several lines as plain lines, without empty ones. */
export function plainLines(text: string): string[] {
  return text
    .split(/\r\n|[\n\r\u2028\u2029]/)
    .map(plainLine)
    .filter((line) => line !== '')
}

/** The address in its normal form, if a reader may be sent there: http or https, no credentials, of bearable length. */
export function linkable(url: string): string | null {
  const parsed = URL.parse(url.trim())
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol) || parsed.hostname === '') return null
  parsed.username = ''
  parsed.password = ''
  const href = parsed.href.replaceAll('{', '%7B').replaceAll('}', '%7D').replaceAll("'", '%27')
  return href.length <= LONGEST_URL ? href : null
}

function cleanOnce(text: string): string {
  return text
    .replace(ENTITY, decodeEntity)
    .toWellFormed()
    .replace(UNSPEAKABLE, '')
    .replace(/[\t-\r\u0085\u2028\u2029]+/g, ' ')
    .replace(LAYOUT_TAG, ' ')
    .replace(/[ \u00a0]*[ ][ \u00a0]*/g, ' ')
    .trim()
}

function decodeEntity(entity: string): string {
  const name = entity.slice(1, -1).toLowerCase()
  if (!name.startsWith('#')) return NAMED[name] ?? ''
  const code = name.startsWith('#x') ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10)
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : ''
}

const MONTHS =
  'Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember|January|February|March|May|June|July|October|December'
const UNITS =
  '%|‰|€|\\$|£|°C?|[kcm]?m²?|[kKMGT]?[WV]h?|k?g|t|l|[kMGT]B|km\\/h|Uhr|Euro|Dollar|Prozent|Mio\\.|Mrd\\.|Millionen|Milliarden|per cent|percent|million|billion|[ap]\\.?m\\b\\.?'

/** A number and its unit, a day and its month, a short word and its number: `10 %`, `3. Mai`, `§ 5`, `Nr. 7`, `z. B.`. */
const BOUND = [
  new RegExp(`(?<=\\d) (?=(?:${UNITS})(?![\\p{L}\\d]))`, 'gu'),
  new RegExp(`(?<=(?<!\\d)\\d{1,2}\\.?) (?=(?:${MONTHS})(?!\\p{L}))`, 'gu'),
  /(?<=(?<![\p{L}\d])(?:§|Nr\.|No\.|Art\.|Abs\.|Dr\.|Prof\.|St\.|Mr\.?|Mrs\.?|Ms\.?|Dr|z\.|d\.|u\.|i\.|o\.)) (?=[\p{L}\d])/gu,
]

/** A line of German or English text in which no line breaks where none must: there blanks do not break (U+00A0). */
export function bindNumbers(text: string): string {
  return BOUND.reduce((bound, place) => bound.replace(place, '\u00a0'), text)
}
