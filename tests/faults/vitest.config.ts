import { defineConfig } from 'vitest/config'

/** Every statement of every scenario fails in every way; `tests/faults/run.ts` runs it on both engines. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['tests/faults/**/*.faults.ts'],
    globalSetup: ['tests/support/setup.ts'],
    setupFiles: ['tests/support/equality.ts'],
    pool: 'forks',
    maxWorkers: 2,
    maxConcurrency: 3,
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
