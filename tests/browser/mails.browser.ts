import { AxeBuilder } from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBrowser, whyNoBrowser } from './chromium.ts'
import { renderSamples, type Sample, showSample } from './samples.ts'

const skipped = whyNoBrowser()
if (skipped !== null) console.warn(`Skipped: ${skipped}`)

const A_AND_AA = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']
/** px; the narrowest screen a page is asked to fit (WCAG 2.2, 1.4.10). */
const NARROW = 320

describe.skipIf(skipped !== null)('every mail, as a browser shows its HTML', () => {
  let browser: Browser
  let samples: readonly Sample[]
  beforeAll(async () => {
    ;[browser, samples] = await Promise.all([openBrowser(), renderSamples()])
  })
  afterAll(() => browser?.close())

  async function onEach(look: (page: Page, sample: Sample) => Promise<void>, width = 800): Promise<void> {
    const context = await browser.newContext({ viewport: { width, height: 800 } })
    const page = await context.newPage()
    for (const sample of samples) await look(page, sample)
    await context.close()
  }

  test.each(['light', 'dark'] as const)('axe finds nothing at A and AA in the %s', async (colorScheme) => {
    await onEach(async (page, sample) => {
      await page.emulateMedia({ colorScheme })
      await showSample(page, sample)
      const { violations } = await new AxeBuilder({ page }).withTags(A_AND_AA).analyze()
      expect(violations.map(({ id, nodes }) => [sample.name, id, nodes[0]?.html])).toEqual([])
    })
  })

  test('the page is dark in the dark, light in the light', async () => {
    await onEach(async (page, sample) => {
      await page.emulateMedia({ colorScheme: 'dark' })
      await showSample(page, sample)
      const groundOf = () => page.evaluate("getComputedStyle(document.querySelector('.ground')).backgroundColor")
      expect([sample.name, await groundOf()]).toEqual([sample.name, 'rgb(23, 25, 28)'])
      await page.emulateMedia({ colorScheme: 'light' })
      expect([sample.name, await groundOf()]).toEqual([sample.name, 'rgb(253, 253, 251)'])
    })
  })

  test.each([true, false])(`none scrolls sideways at ${NARROW} pixels, with pictures: %s`, async (pictures) => {
    await onEach(async (page, sample) => {
      await showSample(page, sample, pictures)
      const width = await page.evaluate('document.documentElement.scrollWidth')
      expect([sample.name, width]).toEqual([sample.name, NARROW])
    }, NARROW)
  })

  test('on a phone every link outside running text is at least 44 pixels high', async () => {
    await onEach(async (page, sample) => {
      await showSample(page, sample)
      const low = await page.evaluate(`[...document.querySelectorAll('.links a, .button a, li.brief')]
        .filter((target) => target.getBoundingClientRect().height < 44).map((target) => target.outerHTML)`)
      expect([sample.name, low]).toEqual([sample.name, []])
    }, 375)
  })

  test('with pictures off each alternative text can be read', async () => {
    await onEach(async (page, sample) => {
      await showSample(page, sample, false)
      const empty = await page.evaluate("[...document.images].filter((image) => image.alt === '').length")
      expect([sample.name, empty]).toEqual([sample.name, 0])
    })
  })
})
