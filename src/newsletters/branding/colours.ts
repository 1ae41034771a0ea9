import { CourantError } from '../../errors.ts'

/** A colour for each of the two grounds, `#rrggbb`. */
export type Shades = { readonly light: string; readonly dark: string }

/** The grounds text stands on, in mails and on pages. */
export const GROUND: Shades = { light: '#fdfdfb', dark: '#17191c' }

/** The colour of headlines, in mails and on pages, of a newsletter that sets none of its own. */
export const HEADLINE_COLOUR: Shades = { light: '#22262a', dark: '#e4e4e0' }

/** Smallest contrast of text to its ground (WCAG 2.2, 1.4.3). */
const MIN_CONTRAST = 4.5

/** The colour of a newsletter's headlines on each ground: its own, made readable, or ours. */
export function headlineShades(own: string | null): Shades {
  return own === null ? HEADLINE_COLOUR : readableShades(own)
}

/** A colour made readable on each ground. */
export function readableShades(colour: string): Shades {
  return { light: readable(colour, 'light'), dark: readable(colour, 'dark') }
}

/**
 * The colour, moved towards black (or white, on the dark ground) until it reads at 4.5:1; unchanged where it does.
 *
 * @throws CourantError `newsletter.colour` when it is not `#rrggbb`.
 */
export function readable(colour: string, ground: keyof Shades): string {
  const channels = readColour(colour)
  const target = ground === 'light' ? 0 : 255
  for (let step = 0; step <= 20; step += 1) {
    const mixed = channels.map((channel) => Math.round(channel + ((target - channel) * step) / 20))
    const tried = `#${mixed.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`
    if (contrast(tried, GROUND[ground]) >= MIN_CONTRAST) return tried
  }
  return ground === 'light' ? '#000000' : '#ffffff'
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
    throw new CourantError('newsletter.colour', {
      what: `"${colour}" is not a colour.`,
      why: 'It must be written like #b3261e: a hash and six hexadecimal digits.',
      todo: 'Set the newsletter’s accent or headline colour again.',
    })
  }
  return [1, 3, 5].map((start) => Number.parseInt(colour.slice(start, start + 2), 16))
}
