import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Where this machine has a Chromium; null where it has none. */
export function findChromium(): string | null {
  return PLACES.find((path) => existsSync(path)) ?? null
}

/** Why the tests of this folder are skipped, or null. Under `CI=true` a missing browser fails instead. */
export function whyNoBrowser(): string | null {
  if (findChromium() !== null) return null
  if (process.env.CI === 'true') throw new Error('CI has no Chromium: apt-get install chromium')
  return 'no Chromium on this machine (Debian: apt-get install chromium)'
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium() ?? '', args: ['--no-sandbox'] })
}
