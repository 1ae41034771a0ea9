import { GROUND, headlineShades, readableShades, type Shades } from '../../newsletters/branding/colours.ts'
import type { Newsletter } from '../../newsletters/newsletters.ts'

/** The style sheet with a newsletter's colours, under /assets/: its accent, and its headlines' where it sets one. */
export function colourSheetName(branding: Pick<Newsletter, 'accent' | 'headlineColour'> | null): string {
  const accent = branding?.accent.slice(1) ?? 'none'
  const headline = branding?.headlineColour?.replace('#', '-') ?? ''
  return `accent/${accent}${headline}.css`.toLowerCase()
}

/** The sheet of `1a5276`, `1a5276-b3261e` or `none`: readable at 4.5:1 on both grounds, as in mails; none keeps the pages' accent. */
export function colourSheet(colours: string): string {
  const [accent = 'none', headline] = colours.split('-')
  const accents = accent === 'none' ? null : readableShades(`#${accent}`)
  const headlines = headlineShades(headline === undefined ? null : `#${headline}`)
  const rule = (ground: keyof Shades) => {
    const own = accents === null ? '' : `--accent:${accents[ground]};--on-accent:${GROUND[ground]};`
    return `:root:not([data-theme="dark"]){${own}--headline:${headlines[ground]}}`
  }
  return `${rule('light')}@media(prefers-color-scheme:dark){${rule('dark')}}\n`
}
