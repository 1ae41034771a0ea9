import { Temporal } from '../../clock.ts'
import { normaliseDate } from './date-notation.ts'
import { readZone } from './date-zones.ts'

/**
 * Reads a date as feeds write it: RFC 822 with all its liberties, RFC 3339 and W3CDTF, asctime, plain dates, month
 * names of twenty languages. Without a zone it is UTC. What is not certain is null, and so is a “1970” of a zeroed clock.
 */
export function readDate(text: string): Temporal.Instant | null {
  if (text.length > LONGEST) return null
  const written = normaliseDate(text)
  const epoch = readEpoch(written)
  if (epoch !== null) return plausible(epoch)
  const { before, time, after } = splitAtTime(written)
  const late = /(?:^|\s)(\d{4})$/.exec(after)
  const date = readDay(late === null ? before : `${before} ${late[1]}`)
  const zone = readZone(late === null ? after : after.slice(0, late.index))
  if (date === null || time === null || zone === null) return null
  return makeInstant({ ...date, ...time }, KOREAN.test(text) && after === '' ? '+09:00' : zone)
}

type Day = { readonly year: number; readonly month: number; readonly day: number }
/** `days` is 1 at 24:00, the end of a day (ISO 8601). */
type Time = {
  readonly days: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly millisecond: number
}

const LONGEST = 100
const LATEST = 4_102_444_800_000 // 2100
const EARLIEST = 31_536_000_000 // 1971
const KOREAN = /[가-힣]/

/** Seconds or milliseconds since 1970; nothing else has ten or thirteen digits. */
function readEpoch(text: string): Temporal.Instant | null {
  const [, seconds, more = '', fraction = ''] = /^(1\d{9})(?:(\d{3})|\.(\d{1,9}))?$/.exec(text) ?? []
  if (seconds === undefined) return null
  const milliseconds = Number((more || fraction).padEnd(3, '0').slice(0, 3))
  return Temporal.Instant.fromEpochMilliseconds(Number(seconds) * 1000 + milliseconds)
}

const TIME = /(?:^|[\st,])(\d{1,2})[:h](\d{2})(?::(\d{2})(?:[.,](\d{1,30}))?)?(?![\d:h])\s*([ap]\.?m\b\.?)?(?:\s*uhr)?/
const MIDNIGHT: Time = { days: 0, hour: 0, minute: 0, second: 0, millisecond: 0 }

function splitAtTime(text: string): { before: string; time: Time | null; after: string } {
  const match = TIME.exec(text)
  if (match === null) return { before: text, time: MIDNIGHT, after: '' }
  const [whole, hour, minute, second, fraction, half] = match
  const isEnd = half === undefined && `${hour}:${minute}:${second ?? '00'}` === '24:00:00'
  const time = {
    days: isEnd ? 1 : 0,
    hour: isEnd ? 0 : onTwentyFour(Number(hour), half),
    minute: Number(minute),
    second: Math.min(Number(second ?? 0), second === '60' ? 59 : 99),
    millisecond: Math.trunc(Number(`0.${fraction ?? 0}`) * 1000),
  }
  const valid = time.hour < 24 && time.minute < 60 && time.second < 60
  const before = text.slice(0, match.index)
  return { before, time: valid ? time : null, after: text.slice(match.index + whole.length).trim() }
}

function onTwentyFour(hour: number, half: string | undefined): number {
  if (half === undefined) return hour
  if (hour < 1 || hour > 12) return 24
  return (hour % 12) + (half.startsWith('p') ? 12 : 0)
}

/** Stems of month names without accents, in Latin, Cyrillic and Greek; a longer stem wins over a shorter one. */
const MONTHS: readonly (readonly string[])[] = [
  'jan ian ene gen sty led oca tammi янв січ ιαν',
  'feb fev lut uno sub helmi фев лют φεβ',
  'mar maa mrt mrz bre мар бер μαρ μαω',
  'apr avr abr kwi dub nis huhti апр квіт απρ',
  'may mai maj mei mag kve touko мая маи май трав μαι',
  'jun iun juin giu cze cerv cvn haz kesa июн черв ιουν ιον',
  'jul iul juil lug lip cervenc cvc tem heina июл лип ιουλ ιολ',
  'aug ago aou sie srp agu agt elo авг серп αυγ',
  'sep set sze wrz zar eyl syys сен вер σεπ',
  'oct okt out ott paz rij eki loka окт жовт οκτ',
  'nov noi lis kas marras ноя лист νοε',
  'dec dez dic des gru pro ara joulu дек груд δεκ',
].map((row) => row.split(' '))
const NOISE = new Set('de of den der the at um a as le il el las t kl klo om ob г р'.split(' '))

/** Month 1–12 of a word in which a month's name may be shortened; 0 when it is none. */
function monthOf(word: string): number {
  const longest = MONTHS.map((stems) =>
    Math.max(0, ...stems.filter((stem) => word.startsWith(stem)).map((stem) => stem.length)),
  )
  const best = Math.max(...longest)
  return best === 0 ? 0 : longest.indexOf(best) + 1
}

function readDay(text: string): Day | null {
  const bare = text.replace(/t$/, '').trim()
  const week = /^(\d{4})-?w(\d{2})(?:-?([1-7]))?$/.exec(bare)
  if (week !== null) return dayOfWeek(Number(week[1]), Number(week[2]), Number(week[3] ?? 1))
  const parts = bare.split(/[\s,./-]+/).filter((part) => part !== '' && !NOISE.has(part))
  const words = parts.filter((part) => /^\p{L}+$/u.test(part))
  const numbers = parts
    .map((part) => part.replace(/^(\d{1,2})(st|nd|rd|th|er)$/, '$1'))
    .filter((part) => /^\d+$/.test(part))
  if (words.length + numbers.length !== parts.length) return null
  const months = words.map(monthOf)
  const named = months.filter((month, index) => month > 0 && !(index === 0 && words.length > 1 && months[1]! > 0))
  // A first word that names no month is a weekday; any other is not understood.
  if (words.length - named.length > 1 || (named.length < words.length && words[0] !== parts[0])) return null
  if (named.length > 1) return null
  return named.length === 1 ? withMonth(named[0]!, numbers) : inNumbers(numbers, bare)
}

function withMonth(month: number, numbers: readonly string[]): Day | null {
  const year = numbers.find((part) => part.length === 4) ?? numbers[1]
  if (year === undefined || numbers.length > 2) return null
  const day = numbers.find((part) => part !== year) ?? (numbers.length === 2 ? year : '1')
  return dayOf(year, month, day)
}

function inNumbers(numbers: readonly string[], text: string): Day | null {
  const shape = numbers.map((part) => part.length).join()
  const [a = '', b = '', c = ''] = numbers
  if (shape === '4') return dayOf(a, 1, '1')
  if (/^4,[12]$/.test(shape)) return dayOf(a, Number(b), '1')
  if (/^4,[12],[12]$/.test(shape)) return dayOf(a, Number(b), c)
  if (shape === '8') return dayOf(a.slice(0, 4), Number(a.slice(4, 6)), a.slice(6))
  if (shape === '4,3' || shape === '7') return dayOfYear(a.slice(0, 4), Number(b || a.slice(4)))
  if (shape === '2,3' && text.includes('-')) return dayOfYear(fullYear(a), Number(b))
  if (shape === '2,2,2' && text.includes('-')) return dayOf(a, Number(b), c)
  // 200312 could be a month, 031231 could not.
  if (shape === '6' && !/^(19|20)/.test(a)) return dayOf(a.slice(0, 2), Number(a.slice(2, 4)), a.slice(4))
  if (/^[12],[12],(2|4)$/.test(shape)) return dayFirstOrLast(a, b, c, text)
  return null
}

/** 31.12.2003 is written one way only; 12/31/2003 and 31/12/2003 are told apart where a number is no month. */
function dayFirstOrLast(a: string, b: string, year: string, text: string): Day | null {
  if (/^[^/-]*$/.test(text)) return dayOf(year, Number(b), a)
  if (Number(a) > 12) return dayOf(year, Number(b), a)
  if (Number(b) > 12 || a === b) return dayOf(year, Number(a), b)
  return null
}

function dayOfYear(year: string, day: number): Day | null {
  if (day < 1 || day > 366) return null
  const date = Temporal.PlainDate.from({ year: Number(year), month: 1, day: 1 }).add({ days: day - 1 })
  return date.year === Number(year) ? { year: date.year, month: date.month, day: date.day } : null
}

/** A day of a week of ISO 8601: the first week is the one with 4 January in it. */
function dayOfWeek(year: number, week: number, day: number): Day | null {
  const fourth = Temporal.PlainDate.from({ year, month: 1, day: 4 })
  const date = fourth.add({ days: (week - 1) * 7 + day - fourth.dayOfWeek })
  return date.yearOfWeek === year && date.weekOfYear === week
    ? { year: date.year, month: date.month, day: date.day }
    : null
}

function dayOf(year: string, month: number, day: string): Day | null {
  if (year.length !== 4 && year.length !== 2) return null
  return { year: Number(fullYear(year)), month, day: Number(day) }
}

/** Two digits of a year as RFC 5322 §4.3 reads them. */
function fullYear(year: string): string {
  return year.length === 4 ? year : `${Number(year) < 50 ? 20 : 19}${year}`
}

function makeInstant({ days, ...parts }: Day & Time, timeZone: string): Temporal.Instant | null {
  try {
    const at = Temporal.ZonedDateTime.from({ ...parts, timeZone }, { overflow: 'reject' })
    return plausible(at.add({ days }).toInstant())
  } catch {
    return null
  }
}

function plausible(instant: Temporal.Instant): Temporal.Instant | null {
  const at = instant.epochMilliseconds
  return at >= EARLIEST && at < LATEST ? instant : null
}
