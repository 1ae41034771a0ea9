import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBrowser, whyNoBrowser } from './chromium.ts'
import { type RunningDemo, startDemoProcess } from './demo.ts'

const skipped = whyNoBrowser()
if (skipped !== null) console.warn(`Skipped: ${skipped}`)

/** What a reader of each language clicks on. */
const READERS = [
  { lang: 'de', locale: 'de-DE', email: 'neu.hier@example.net', confirm: /bestätigen/i, leave: /abbestellen/i },
  { lang: 'en', locale: 'en-GB', email: 'new.here@example.net', confirm: /confirm/i, leave: /unsubscribe/i },
] as const

const A_AND_AA = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

describe.skipIf(skipped !== null)('a reader with a browser', () => {
  const folder = mkdtempSync(join(tmpdir(), 'courant-browser-'))
  let demo: RunningDemo
  let browser: Browser

  beforeAll(async () => {
    ;[demo, browser] = await Promise.all([startDemoProcess(folder), openBrowser()])
  })
  afterAll(async () => {
    await browser?.close()
    await demo?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test.each(READERS)(
    'without JavaScript subscribes, confirms, reads, leaves, comes back and leaves: $lang',
    async (reader) => {
      const context = await browser.newContext({ javaScriptEnabled: false, locale: reader.locale })
      const page = await context.newPage()

      await page.goto(`${demo.url}/subscribe`)
      expect(await page.locator('html').getAttribute('lang')).toBe(reader.lang)
      await page.locator('input[name=email]').fill(reader.email)
      await press(page, 'main form button')

      const confirmation = await waitForMail(page, demo.url, reader.email, 1)
      const confirming = await followInMail(page, confirmation, reader.confirm)
      expect(new URL(confirming.url()).pathname).toMatch(/^\/confirm\//)
      expect(await confirming.locator('main button').count()).toBe(1)
      await press(confirming, 'main button')
      await confirming.close()

      const digest = await waitForMail(page, demo.url, reader.email, 2)
      expect(digest.subject).toMatch(/Auslese/)
      const leaving = await followInMail(page, digest, reader.leave)
      const unsubscribeUrl = leaving.url()
      expect(new URL(unsubscribeUrl).pathname).toMatch(/^\/unsubscribe\//)
      await press(leaving, 'main button')
      expect(await stateOf(demo, reader.email)).toBe('unsubscribed')
      await press(leaving, 'main form[action*="undo"] button')
      expect(await stateOf(demo, reader.email)).toBe('active')
      await leaving.close()

      const oneClick = await page.request.post(unsubscribeUrl, {
        form: { 'List-Unsubscribe': 'One-Click' },
        maxRedirects: 0,
      })
      expect([oneClick.status(), oneClick.headers()['set-cookie']]).toEqual([200, undefined])
      expect(await stateOf(demo, reader.email)).toBe('unsubscribed')
      await context.close()
    },
  )

  test.each(READERS)('axe finds nothing at A and AA on any page: $lang', async (reader) => {
    const context = await browser.newContext({ locale: reader.locale })
    const page = await context.newPage()
    const [confirmPath, unsubscribePath] = await linksOf(page, demo.url, reader.email)
    const paths = [
      '/',
      '/subscribe',
      '/imprint',
      '/privacy',
      '/archive/auslese',
      '/nowhere',
      confirmPath,
      unsubscribePath,
    ]
    for (const colorScheme of ['light', 'dark'] as const)
      for (const path of paths) {
        await page.emulateMedia({ colorScheme })
        await page.goto(new URL(path, demo.url).href)
        const { violations } = await new AxeBuilder({ page }).withTags(A_AND_AA).analyze()
        expect(violations.map(({ id, nodes }) => [path, colorScheme, id, nodes[0]?.html])).toEqual([])
      }
    await page.goto(`${demo.url}/subscribe`)
    await page.evaluate("document.querySelector('main form').noValidate = true")
    await page.locator('input[name=email]').fill('not an address')
    await press(page, 'main form button')
    expect(await page.locator('input[name=email]').getAttribute('aria-invalid')).toBe('true')
    const { violations } = await new AxeBuilder({ page }).withTags(A_AND_AA).analyze()
    expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([])
    await context.close()
  })

  test('no page scrolls sideways at 320 pixels', async () => {
    const context = await browser.newContext({ viewport: { width: 320, height: 700 } })
    const page = await context.newPage()
    for (const path of ['/', '/subscribe', '/imprint', '/privacy', '/archive/auslese']) {
      await page.goto(demo.url + path)
      expect([path, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([path, 320])
    }
    await context.close()
  })
})

/** Presses a form's button and waits for the page that answers: Chromium may never close a page that is under way. */
async function press(page: Page, button: string): Promise<void> {
  const answered = page.waitForEvent('load')
  await page.locator(button).first().click()
  await answered
}

type Found = { readonly url: string; readonly subject: string }

/** Looks at the mailbox until the reader's `count`-th mail is there. */
async function waitForMail(page: Page, base: string, email: string, count: number): Promise<Found> {
  await expect
    .poll(async () => (await mailsTo(page, base, email)).length, { timeout: 120_000, interval: 500 })
    .toBeGreaterThanOrEqual(count)
  const mails = await mailsTo(page, base, email)
  const mail = mails.at(-count)
  if (mail === undefined) throw new Error('the mail has gone')
  return mail
}

/** The reader's mails as the mailbox lists them, newest first. */
async function mailsTo(page: Page, base: string, email: string): Promise<readonly Found[]> {
  await page.goto(`${base}/mailbox`)
  const rows = await page.locator('tr, li').filter({ hasText: email }).all()
  return Promise.all(
    rows.map(async (row) => {
      const link = row.locator('a').first()
      return { url: new URL((await link.getAttribute('href')) ?? '', base).href, subject: await link.innerText() }
    }),
  )
}

/** Opens the mail and follows the link of this text, which opens a page of its own. */
async function followInMail(page: Page, mail: Found, text: RegExp): Promise<Page> {
  await page.goto(mail.url)
  const opened = page.context().waitForEvent('page')
  await page.frameLocator('iframe').getByRole('link', { name: text }).first().click()
  const followed = await opened
  await followed.waitForLoadState()
  return followed
}

/** The paths of the reader's confirmation and unsubscribe links, from the text parts of their mails. */
async function linksOf(page: Page, base: string, email: string): Promise<readonly [string, string]> {
  const texts: string[] = []
  for (const mail of await mailsTo(page, base, email)) {
    await page.goto(`${mail.url}?tab=text`)
    texts.push(await page.locator('body').innerText())
  }
  const find = (kind: string) => new RegExp(`/${kind}/[\\w-]+`).exec(texts.join('\n'))?.[0] ?? `/no-${kind}-link`
  return [find('confirm'), find('unsubscribe')]
}

async function stateOf(demo: RunningDemo, email: string): Promise<string | undefined> {
  const shown = await demo.courant<{ subscriptions: { state: string }[] }>('subscriber', 'show', email)
  return shown.subscriptions[0]?.state
}
