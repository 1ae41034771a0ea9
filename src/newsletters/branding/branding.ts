import { headlineShades, readableShades } from './colours.ts'

/** What a newsletter may set of its mails' appearance; colours are `#rrggbb`, no headline colour is ours. */
export type Branding = {
  readonly accent: string
  readonly headlineColour: string | null
  readonly headlineFont: 'sans' | 'serif'
}

const SANS = "-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
const SERIF = "Georgia, 'Times New Roman', serif"

/** Literals that stand in the templates for a newsletter's own: mjml's strict validation refuses Liquid in colours. */
const SENTINELS = {
  accentLight: /#acce01/gi,
  accentDark: /#acce02/gi,
  headlineLight: /#acce03/gi,
  headlineDark: /#acce04/gi,
  headlineFont: /headline-font/g,
}

/** A compiled template in a newsletter's colours and font. */
export function applyBranding(template: string, branding: Branding): string {
  const accent = readableShades(branding.accent)
  const headline = headlineShades(branding.headlineColour)
  return template
    .replace(SENTINELS.accentLight, accent.light)
    .replace(SENTINELS.accentDark, accent.dark)
    .replace(SENTINELS.headlineLight, headline.light)
    .replace(SENTINELS.headlineDark, headline.dark)
    .replace(SENTINELS.headlineFont, branding.headlineFont === 'serif' ? SERIF : SANS)
}

/** What two brandings that render alike have in common. */
export function brandingKey({ accent, headlineColour, headlineFont }: Branding): string {
  return `${accent} ${headlineColour} ${headlineFont}`
}
