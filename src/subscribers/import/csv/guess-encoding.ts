/** Encodings of one octet a character that spreadsheets write lists in; the likelier ones first. */
const ENCODINGS = ['windows-1252', 'windows-1250', 'macintosh', 'ibm850', 'windows-1251', 'koi8-r'] as const
export type OctetEncoding = (typeof ENCODINGS)[number]

/** IBM 850, the “CSV (MS-DOS)” of spreadsheets, is unknown to `TextDecoder`: its upper half. */
const IBM850 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\xad±‗¾¶§÷¸°¨·¹³²■\xa0'

const UPPER_OCTETS = Buffer.from(Array.from({ length: 128 }, (_, index) => index + 128))
const UPPER: Readonly<Record<OctetEncoding, readonly string[]>> = {
  'windows-1252': upperHalf('windows-1252'),
  'windows-1250': upperHalf('windows-1250'),
  macintosh: upperHalf('macintosh'),
  ibm850: [...IBM850],
  'windows-1251': upperHalf('windows-1251'),
  'koi8-r': upperHalf('koi8-r'),
}

function upperHalf(label: string): readonly string[] {
  return [...new TextDecoder(label).decode(UPPER_OCTETS)]
}

/** The text of octets (one a character) in this encoding; without one what is not ASCII is unknown. */
export function decodeOctets(octets: string, encoding: OctetEncoding | null): string {
  const upper = encoding === null ? null : UPPER[encoding]
  return octets.replace(/[\x80-\xff]/g, (octet) => upper?.[octet.charCodeAt(0) - 128] ?? '\ufffd')
}

/**
 * Guesses the encoding of octets that are no UTF-8. It is Windows-1252, as spreadsheets of Western Europe write it, unless
 * letters would stand where no word has them and another encoding makes better words.
 */
export function guessCsvEncoding(octets: string): OctetEncoding {
  const [western, ...others] = ENCODINGS.map((encoding) => ({ encoding, ...judge(decodeOctets(octets, encoding)) }))
  if (western === undefined || western.isPlausible) return 'windows-1252'
  return others.reduce((best, one) => (one.score > best.score ? one : best), western).encoding
}

const FOREIGN_WITH_NEIGHBOURS = /(?<=(.?))([^\0-\x7f])(?=(.?))/gsu
/** Letters of the languages that most lists in these encodings are written in: German ones first. */
const GERMAN = /[äöüßÄÖÜ]/
const FREQUENT = /[éèêëàâçîïôûùñåæøáíóúąćęłńśźżěščřžůťď]/
const PUNCTUATION = /[\p{P}\p{Z}€§°©®²³]/u

/** How well the characters beyond ASCII fit where they stand. */
function judge(text: string): { score: number; isPlausible: boolean } {
  let score = 0
  let isPlausible = true
  for (const [, before = '', character = '', after = ''] of text.matchAll(FOREIGN_WITH_NEIGHBOURS)) {
    const points = rate(before, character, after)
    score += points
    if (points < 0) isPlausible = false
  }
  return { score, isPlausible }
}

function rate(before: string, character: string, after: string): number {
  const isInWord = /\p{L}/u.test(before) && /\p{L}/u.test(after)
  if (isInWord && /[’‘´]/.test(character)) return 0
  if (!/\p{L}/u.test(character)) return PUNCTUATION.test(character) && !isInWord ? 0 : -2
  if (/\p{Lu}/u.test(character) && /\p{L}/u.test(before) && /\p{Ll}/u.test(before + after)) return -2
  if (/\p{Script=Cyrillic}/u.test(character)) return /[a-z]/i.test(before + after) ? -2 : 1
  // Three letters with marks in a row are no word of a Latin script.
  if (/[^\0-\x7f]/.test(before) && /[^\0-\x7f]/.test(after)) return -1
  return GERMAN.test(character) ? 3 : FREQUENT.test(character) ? 2 : 1
}
