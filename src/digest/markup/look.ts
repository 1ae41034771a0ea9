import { CourantError } from '../../errors.ts'

/** What a newsletter may set of its mails' appearance; `accent` is `#rrggbb`. */
export type Look = { readonly accent: string; readonly headlineFont: 'sans' | 'serif' }

/** The grounds text stands on, as written in the mail templates. */
export const GROUND = { light: '#fdfdfb', dark: '#17191c' } as const

/** Smallest contrast of text to its ground (WCAG 2.2, 1.4.3). */
const MIN_CONTRAST = 4.5

const SANS = "-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
const SERIF = "Georgia, 'Times New Roman', serif"

/** Literals that stand in the templates for a newsletter's own: mjml's strict validation refuses Liquid in colours. */
const SENTINELS = { accentLight: /#acce01/gi, accentDark: /#acce02/gi, headlineFont: /headline-font/g }

/** A compiled template in a newsletter's colours and font. */
export function applyLook(template: string, look: Look): string {
  return template
    .replace(SENTINELS.accentLight, readableAccent(look.accent, 'light'))
    .replace(SENTINELS.accentDark, readableAccent(look.accent, 'dark'))
    .replace(SENTINELS.headlineFont, look.headlineFont === 'serif' ? SERIF : SANS)
}

/** The accent, moved towards black (or white, on the dark ground) until it reads at 4.5:1; unchanged where it does. */
export function readableAccent(accent: string, mode: 'light' | 'dark'): string {
  const channels = readColour(accent)
  const target = mode === 'light' ? 0 : 255
  for (let step = 0; step <= 20; step += 1) {
    const mixed = channels.map((channel) => Math.round(channel + ((target - channel) * step) / 20))
    const colour = `#${mixed.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`
    if (contrast(colour, GROUND[mode]) >= MIN_CONTRAST) return colour
  }
  return mode === 'light' ? '#000000' : '#ffffff'
}

/** The contrast ratio of two `#rrggbb` colours, 1 to 21 (WCAG 2.2). */
export function contrast(one: string, other: string): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (lighter + 0.05) / (darker + 0.05)
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = readColour(colour).map((channel) => {
    const share = channel / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function readColour(colour: string): number[] {
  if (!/^#[0-9a-f]{6}$/i.test(colour)) {
    throw new CourantError('newsletter.accent', {
      what: `The accent colour "${colour}" is not a colour.`,
      why: 'It must be written like #b3261e: a hash and six hexadecimal digits.',
      todo: 'Set the newsletter’s accent colour again.',
    })
  }
  return [1, 3, 5].map((start) => Number.parseInt(colour.slice(start, start + 2), 16))
}
