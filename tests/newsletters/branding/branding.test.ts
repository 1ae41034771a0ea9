import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyBranding } from '../../../src/newsletters/branding/branding.ts'
import {
  contrast,
  GROUND,
  HEADLINE_COLOUR,
  headlineShades,
  readable,
} from '../../../src/newsletters/branding/colours.ts'

const colour = fc.stringMatching(/^#[0-9a-f]{6}$/)

describe('a newsletter’s look', () => {
  test('contrast is that of WCAG', () => {
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21)
    expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2)
  })

  test('any accent reads at 4.5:1 on the light and on the dark ground', () => {
    fc.assert(
      fc.property(colour, (accent) => {
        for (const mode of ['light', 'dark'] as const) {
          expect(contrast(readable(accent, mode), GROUND[mode])).toBeGreaterThanOrEqual(4.5)
        }
      }),
    )
  })

  test('an accent that reads stays what it is', () => expect(readable('#b3261e', 'light')).toBe('#b3261e'))

  test('what is no colour is refused, so that it can never reach the markup', () => {
    expect(() => readable('red;}</style>', 'light')).toThrow(expect.objectContaining({ code: 'newsletter.colour' }))
  })

  test('the sentinels of a template become the newsletter’s colours and font', () => {
    const look = { accent: '#b3261e', headlineColour: '#1e4620', headlineFont: 'serif' } as const
    const applied = applyBranding('#acce01 #ACCE02 #acce03 #acce04 headline-font', look)
    expect(applied).toMatch(/^#b3261e #[0-9a-f]{6} #1e4620 #(?!1e4620)[0-9a-f]{6} Georgia, 'Times New Roman', serif$/)
  })

  test('headlines are ours where the newsletter sets no colour for them, and read at 4.5:1 whatever it sets', () => {
    expect(headlineShades(null)).toBe(HEADLINE_COLOUR)
    fc.assert(
      fc.property(fc.option(colour), (own) => {
        for (const ground of ['light', 'dark'] as const)
          expect(contrast(headlineShades(own)[ground], GROUND[ground])).toBeGreaterThanOrEqual(4.5)
      }),
    )
  })

  test('the digest stands on the grounds the accent is measured against, and its texts read at 4.5:1 on them', async () => {
    const source = await readFile(new URL('../../../templates/mail/digest.mjml', import.meta.url), 'utf8')
    const [light, dark] = source
      .split('@media (prefers-color-scheme: dark)')
      .map((part) => part.split('[data-ogsb]')[0])
    expect(source).toContain(`background-color="${GROUND.light}"`)
    expect(dark).toContain(`background-color: ${GROUND.dark}`)
    const body = `${light}${source.slice(source.indexOf('<mj-body'))}`
    const lightInks = [
      ...new Set([...body.matchAll(/[;"\s](?:color)[:=]"?\s*(#[0-9a-f]{6})/g)].map((match) => match[1] ?? '')),
    ]
    const darkInks = [
      ...new Set([...(dark ?? '').matchAll(/[{\s]color: (#[0-9a-f]{6})/g)].map((match) => match[1] ?? '')),
    ]
    expect(lightInks).toContain('#5b6167')
    expect(darkInks).toContain('#a9aeb3')
    for (const ink of lightInks.filter((found) => !found.startsWith('#acce')))
      expect(contrast(ink, GROUND.light)).toBeGreaterThanOrEqual(4.5)
    for (const ink of darkInks.filter((found) => !found.startsWith('#acce')))
      expect(contrast(ink, GROUND.dark)).toBeGreaterThanOrEqual(4.5)
  })
})
