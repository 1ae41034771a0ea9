import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { openBrowser } from '../tests/browser/chromium.ts'
import { startDemoProcess } from '../tests/browser/demo.ts'
import { renderSamples, showSample } from '../tests/browser/samples.ts'

/**
 * Takes pictures of every mail and of the readers' pages, to be looked at:
 * `node bench/shots.ts <folder> [mails|pages]`, at 375 and 800 pixels, light and dark, mails with pictures off too.
 * `readme.png` among them is the README's picture, docs/digest.png.
 */
const [folder = 'shots', only = ''] = process.argv.slice(2)
const WIDTHS = [375, 800]
const SCHEMES = ['light', 'dark'] as const
const PAGES = [
  '/',
  '/subscribe',
  '/subscribe?newsletter=auslese',
  '/imprint',
  '/privacy',
  '/archive/auslese',
  '/nowhere',
]

mkdirSync(folder, { recursive: true })
const browser = await openBrowser()
if (only !== 'pages') await shootMails(browser)
if (only !== 'pages') await shootReadme(browser)
if (only !== 'mails') await shootPages(browser)
await browser.close()

async function shootMails(browser: Browser): Promise<void> {
  for (const sample of await renderSamples())
    await inEachForm(browser, {}, async (page, form) => {
      await showSample(page, sample)
      await shoot(page, `${sample.name}-${form}`)
      if (!sample.name.startsWith('digest') || form !== '375-light') return
      await showSample(page, sample, false)
      await shoot(page, `${sample.name}-${form}-pictures-off`)
    })
}

async function shootReadme(browser: Browser): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 680, height: 1240 } })
  const sample = (await renderSamples()).find(({ name }) => name === 'digest-de')
  if (sample === undefined) throw new Error('there is no German digest')
  await showSample(page, sample)
  await page.screenshot({ path: join(folder, 'readme.png') })
  await page.close()
}

async function shootPages(browser: Browser): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'courant-shots-'))
  const demo = await startDemoProcess(home)
  try {
    for (const locale of ['de-DE', 'en-GB'])
      await inEachForm(browser, { locale }, async (page, form) => {
        for (const path of PAGES) {
          await page.goto(demo.url + path)
          await shoot(page, `page-${locale.slice(0, 2)}${path.replace(/\W+/g, '-')}-${form}`)
        }
        await page.goto(`${demo.url}/archive/auslese`)
        const edition = page.locator('main a[href*="/archive/auslese/"]').first()
        if ((await edition.count()) > 0) {
          await edition.click()
          await shoot(page, `page-${locale.slice(0, 2)}-edition-${form}`)
        }
        await page.goto(`${demo.url}/subscribe`)
        await page.evaluate("document.querySelector('main form').noValidate = true")
        await page.locator('input[name=email]').fill('keine Adresse')
        await page.locator('main form button').click()
        await shoot(page, `page-${locale.slice(0, 2)}-subscribe-wrong-${form}`)
      })
  } finally {
    await demo.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

async function inEachForm(
  browser: Browser,
  options: BrowserContextOptions,
  look: (page: Page, form: string) => Promise<void>,
): Promise<void> {
  for (const colorScheme of SCHEMES)
    for (const width of WIDTHS) {
      const context = await browser.newContext({ ...options, colorScheme, viewport: { width, height: 800 } })
      await look(await context.newPage(), `${width}-${colorScheme}`)
      await context.close()
    }
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}
