import { defineConfig } from 'vitest/config'

/** What a reader sees in a real browser (Debian's chromium), on the running demo. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['tests/browser/**/*.browser.ts'],
    setupFiles: ['tests/support/equality.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 240_000,
    hookTimeout: 120_000,
  },
})
