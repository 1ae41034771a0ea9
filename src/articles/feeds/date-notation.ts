/** How a date's digits and words are written elsewhere, and how they are written here; in this order. */
const REWRITES: readonly (readonly [RegExp, string | ((...found: string[]) => string)])[] = [
  [/[\u2010-\u2015\u2212]/g, '-'],
  [/^["']+|["']+$/g, ''],
  // A zone in brackets behind the offset (RFC 9557).
  [/\[[^\]]*\]$/, ''],
  // Weekdays in Japanese, Chinese and Korean.
  [
    /\([月火水木金土日월화수목금토일]\)|[月火水木金土日]曜日?|(?:星期|週|周)[一二三四五六日天]|[월화수목금토일]요일/g,
    ' ',
  ],
  [/(\d)\s*[년年월月]\s*/g, '$1-'],
  [/(\d)\s*[일日]/g, '$1 '],
  [/(\d{1,2})\s*[時时点시]\s*(\d{1,2})\s*[分분](?:\s*(\d{1,2})\s*[秒초])?/g, (_, h, m, s) => clock(h, m, s)],
  [
    /(오전|오후|午前|午後|上午|下午)\s*([\d:]+)/g,
    (_, half, time) => `${time} ${/오후|午後|下午/.test(half!) ? 'pm' : 'am'}`,
  ],
  [/(\d{1,2})\.(\d{2})\s*uhr/g, '$1:$2'],
  // ISO 8601 in its basic form, and cut off after the hour.
  [/^(\d{8})(\d{2})(\d{2})(\d{2})$/, '$1t$2:$3:$4'],
  [/^(\d{8}|\d{4}-\d{2}-\d{2})t(\d{2})(\d{2})?(\d{2})?(?=z|[+-]|$)/, (_, day, h, m, s) => `${day}t${clock(h, m, s)}`],
  // A day of XML Schema has a zone and no hour.
  [/^(\d{4}-\d{2}-\d{2})(z|[+-]\d{2}:\d{2})$/, '$1t00:00$2'],
  [/\([^)]*\)/g, ' '],
  [/\s+/g, ' '],
]

/**
 * Writes a date in one notation, for a reader that knows digits, colons, hyphens, am and pm: accents dropped, lower
 * case, what Japanese, Chinese and Korean put behind numbers replaced.
 */
export function normaliseDate(text: string): string {
  const folded = text.normalize('NFKD').replace(/\p{M}/gu, '').normalize('NFC').toLowerCase().trim()
  return REWRITES.reduce(
    (written, [from, to]) => (typeof to === 'string' ? written.replace(from, to) : written.replace(from, to)),
    folded,
  ).trim()
}

function clock(hour: string | undefined, minute: string | undefined, second: string | undefined): string {
  const two = (part: string | undefined) => (part ?? '0').padStart(2, '0')
  return `${two(hour)}:${two(minute)}:${two(second)}`
}
