import { type Locale, phrase } from '../locale.ts'

/** A sentence's end: its mark and closing quotes, after a word too long to be an abbreviation or an ordinal ("3. Mai"). */
const SENTENCE_END = /(?:[\p{L}\d%)]{4,}[.]|[!?…])["“”»«’')]*(?=\s)|[。！？]/gu

/** Punctuation and small words a shortened text must not end with: "Reform der …". */
const DANGLING =
  /(?:[\s,;:.–—-]+|\s(?:der|die|das|den|dem|des|ein|eine[mnrs]?|und|oder|für|mit|von|vom|zu[mr]?|i[mn]|a[mn]|auf|the|a|and|or|of|for|to|on|at|with))+$/iu

/** `text`, or its beginning up to a word's end and an ellipsis: at most `max` UTF-16 units in all. */
export function cutAtWord(text: string, max: number, locale: Locale): string {
  if (text.length <= max) return text
  const ellipsis = phrase(locale, 'time.cut')
  const room = Math.max(1, max - ellipsis.length)
  const head = text.slice(0, room + 1)
  const space = head.lastIndexOf(' ')
  const kept = space >= room * 0.6 ? head.slice(0, space) : wholeGraphemes(text, room)
  return `${kept.replace(DANGLING, '') || kept.trimEnd()}${ellipsis}`
}

/** `text`, or its first whole sentences within `max` units; where the first is longer than that, cut at a word. */
export function cutAtSentence(text: string, max: number, locale: Locale): string {
  if (text.length <= max) return text
  const ends = [...text.slice(0, max + 1).matchAll(SENTENCE_END)].map((match) => match.index + match[0].length)
  const end = ends.findLast((index) => index <= max && index >= max * 0.35)
  return end === undefined ? cutAtWord(text, max, locale) : text.slice(0, end)
}

function wholeGraphemes(text: string, max: number): string {
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(text.slice(0, max + 32))) {
    if (kept.length + segment.length > max) break
    kept += segment
  }
  return kept
}
