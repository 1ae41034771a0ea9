const LONGEST = 300
/** Less than this is no summary, so a longer sentence is rather cut than left out. */
const SHORTEST = 60

/** What publishing systems hang on to an excerpt. */
const TAILS = [
  /\s*(The post|Der Beitrag|Cet article|L'article|El post|La entrada) .{1,300}? (appeared first on|erschien zuerst auf|est apparu en premier sur|apareció primero en) [^.]{1,100}\.?$/i,
  /(?<=[.!?…\]“”"»)]\s{0,3})\(?(Weiterlesen|Mehr lesen|Zum Artikel|Read more|Continue reading|Lire la suite|Leer más)\b[^.!?]{0,100}$/i,
  /\s*\[?(…|\.\.\.|&hellip;)\]?\s*$/,
]

/** Cuts a text at the end of a sentence, so that it stays within 300 characters; a sentence that is longer at a word. */
export function summarise(text: string, language: string | null): string {
  const whole = withoutTail(text)
  if (whole.length <= LONGEST) return whole
  const sentences = new Intl.Segmenter(language ?? 'de', { granularity: 'sentence' })
  let end = 0
  for (const { index, segment } of sentences.segment(whole.slice(0, LONGEST * 2))) {
    if (index + segment.trimEnd().length > LONGEST) break
    end = index + segment.length
  }
  return end >= SHORTEST ? whole.slice(0, end).trim() : cutSummary(whole, LONGEST)
}

/** Cuts a text before the word that would make it longer than `longest`, and shows that it goes on. */
export function cutSummary(text: string, longest: number): string {
  if (text.length <= longest) return text
  const room = text.slice(0, longest)
  const space = room.lastIndexOf(' ')
  return `${room
    .slice(0, space > longest / 2 ? space : longest - 1)
    .toWellFormed()
    .replace(/[\s,;:.–-]+$/, '')}…`
}

/** The tails apart, the text of an excerpt that ends in the middle keeps its dots. */
function withoutTail(text: string): string {
  const [post, more, dots] = TAILS as [RegExp, RegExp, RegExp]
  const rest = text.replace(post, '').replace(more, '').trim()
  const cut = rest.replace(dots, '')
  return cut === rest || /[.!?…]["“”’»]?$/.test(cut) ? cut : `${cut}…`
}
