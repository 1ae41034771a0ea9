import { type Locale, phrase } from './locale.ts'

/**
 * A sentence's end: its mark and closing quotes, after a word too long to be an ordinal ("3. Mai") and not an abbreviation,
 * before the text's end or anything but a small letter.
 */
const SENTENCE_END =
  /(?:(?<!(?<!\p{L})(?:Prof|Univ|Sept|evtl|bzgl|insb|Corp|Bros|Capt))(?<=[\p{L}\d%)]{4})[.]|[!?…؟])["“”»«’')]*(?=\s+[^\s\p{Ll}]|$)|[。！？]/gu
/** How an excerpt ends that stops in the middle of a sentence. */
const UNFINISHED = /\s*[[(]?(?:…|[.]{3})[\])]?$/
/** The shares of `max` a whole sentence may be shorter or longer than it. */
const LEAST = 0.35
const MOST = 1.5

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

/**
 * `text`, or its first whole sentences: as many as fit into `max` units, or one that is up to half as long again. Where
 * there is no such end the text as it is, cut at a word if it is longer than `max`.
 */
export function cutAtSentence(text: string, max: number, locale: Locale): string {
  const unfinishedAt = UNFINISHED.exec(text)?.index ?? text.length
  const isWhole = unfinishedAt === text.length
  if (isWhole && text.length <= max) return text
  const ends = [...text.matchAll(SENTENCE_END)]
    .map((match) => match.index + match[0].length)
    .filter((index) => index >= max * LEAST && (isWhole || index <= unfinishedAt))
  const end = ends.findLast((index) => index <= max) ?? ends.find((index) => index <= max * MOST)
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
