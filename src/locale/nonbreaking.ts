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
