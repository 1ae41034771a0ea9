import { defineConfig } from 'vitest/config'

/** The longer suite that starts and kills processes; leases of killed workers run out in real time. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['tests/crash/**/*.crash.ts', 'tests/**/*.process.ts'],
    globalSetup: ['tests/support/setup.ts'],
    setupFiles: ['tests/support/equality.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 600_000,
    hookTimeout: 120_000,
  },
})
