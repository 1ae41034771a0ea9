import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { openBrowser } from '../tests/browser/chromium.ts'
import { startDemoProcess } from '../tests/browser/demo.ts'
import { renderSamples, showSample } from '../tests/browser/samples.ts'

/**
 * Takes pictures of every mail and of the readers' pages, to be looked at:
 * `node bench/shots.ts <folder> [mails|pages]`, at 375 and 800 pixels, light and dark, mails with pictures off too.
 * Those of README_PICTURES among them are the README's.
 */
const [folder = 'shots', only = ''] = process.argv.slice(2)
const WIDTHS = [375, 800]
const SCHEMES = ['light', 'dark'] as const
/** Shown to whoever asks. */
const PAGES = [
  '/',
  '/subscribe',
  '/subscribe?newsletter=auslese',
  '/imprint',
  '/privacy',
  '/archive/auslese',
  '/nowhere',
]
const EMAIL = 'neu.hier@example.net'
/** The README's pictures, as they stand in docs/. */
const README_PICTURES = [
  ['digest.png', 'digest-de', 680, 1240, 'light'],
  ['digest-phone-dark.png', 'digest-en', 375, 812, 'dark'],
  ['confirmation-phone.png', 'confirmation-de', 375, 812, 'light'],
] as const
/** Else colours are caught on their way from one scheme to the other. */
const STILL = { reducedMotion: 'reduce' } as const

mkdirSync(folder, { recursive: true })
const browser = await openBrowser()
if (only !== 'pages') await shootMails(browser)
if (only !== 'pages') await shootReadme(browser)
if (only !== 'mails') await shootPages(browser)
await browser.close()

async function shootMails(browser: Browser): Promise<void> {
  const page = await browser.newPage(STILL)
  for (const sample of await renderSamples()) {
    await showSample(page, sample)
    await shoot(page, sample.name)
    if (!sample.name.startsWith('digest')) continue
    await showSample(page, sample, false)
    await shoot(page, `${sample.name}-pictures-off`)
  }
  await page.close()
}

async function shootReadme(browser: Browser): Promise<void> {
  const samples = await renderSamples()
  for (const [picture, name, width, height, colorScheme] of README_PICTURES) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme })
    const sample = samples.find((one) => one.name === name)
    if (sample === undefined) throw new Error(`there is no ${name}`)
    await showSample(page, sample)
    await page.screenshot({ path: join(folder, picture) })
    await page.close()
  }
}

async function shootPages(browser: Browser): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'courant-shots-'))
  const demo = await startDemoProcess(home)
  try {
    for (const locale of ['de-DE', 'en-GB']) {
      const context = await browser.newContext({ ...STILL, locale })
      const page = await context.newPage()
      const name = `page-${locale.slice(0, 2)}`
      await shootShown(page, demo.url, name)
      await shootReader(page, demo.url, name)
      await context.close()
    }
  } finally {
    await demo.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

/** The pages anybody may open. */
async function shootShown(page: Page, base: string, name: string): Promise<void> {
  for (const path of PAGES) {
    await page.goto(base + path)
    await shoot(page, `${name}${path.replace(/\W+/g, '-')}`)
  }
  await page.goto(`${base}/subscribe?newsletter=auslese`)
  await page.locator('summary').click()
  await shoot(page, `${name}-subscribe-open`)
  await page.goto(`${base}/archive/auslese`)
  await page.locator('main a[href*="/archive/auslese/"]').first().click()
  await shoot(page, `${name}-edition`)
}

/** The pages a reader sees between subscribing and coming back. */
async function shootReader(page: Page, base: string, name: string): Promise<void> {
  await page.goto(`${base}/subscribe`)
  await page.evaluate("document.querySelector('main form').noValidate = true")
  await page.locator('input[name=email]').fill('keine Adresse')
  await press(page, 'main form button')
  await shoot(page, `${name}-subscribe-wrong`)
  await page.locator('input[name=email]').fill(`${name}.${EMAIL}`)
  await press(page, 'main form button')
  await shoot(page, `${name}-subscribed`)
  await page.goto(await linkInMail(page, base, `${name}.${EMAIL}`, 'confirm'))
  await shoot(page, `${name}-confirm`)
  await press(page, 'main button')
  await shoot(page, `${name}-confirmed`)
  await page.goto(await linkInMail(page, base, `${name}.${EMAIL}`, 'unsubscribe'))
  await shoot(page, `${name}-unsubscribe`)
  await press(page, 'main button')
  await shoot(page, `${name}-left`)
  await press(page, 'main form[action*=undo] button')
  await shoot(page, `${name}-undone`)
  await page.goto(`${base}/confirm/nothing`)
  await shoot(page, `${name}-confirm-wrong`)
  await page.goto(`${base}/mailbox`)
  await shoot(page, `${name}-mailbox`)
  await press(page, 'td a')
  await shoot(page, `${name}-mail`)
}

/** Reloads the mailbox until a mail to the reader has a link of this kind in its text part. */
async function linkInMail(page: Page, base: string, email: string, kind: string): Promise<string> {
  for (let tried = 0; tried < 100; tried += 1) {
    await page.goto(`${base}/mailbox`)
    const links = page.locator('tr', { hasText: email }).locator('a')
    for (const link of await links.evaluateAll((all) => all.map((one) => one.getAttribute('href') ?? ''))) {
      const answer = await page.goto(`${base}${link}?tab=text`)
      const found = new RegExp(`${base}/${kind}/[\\w-]+`).exec((await answer?.text()) ?? '')?.[0]
      if (found !== undefined) return found
    }
    await page.waitForTimeout(500)
  }
  throw new Error(`no mail with a link to ${kind} came`)
}

async function press(page: Page, button: string): Promise<void> {
  const answered = page.waitForEvent('load')
  await page.locator(button).first().click()
  await answered
}

/** The page as it stands, in each width and scheme. */
async function shoot(page: Page, name: string): Promise<void> {
  for (const colorScheme of SCHEMES)
    for (const width of WIDTHS) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 800 })
      await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true })
    }
}
