import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/support/setup.ts'],
    setupFiles: ['tests/support/equality.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // No file leaves module state behind; a worker that keeps its modules and compiled code saves 30 s.
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
