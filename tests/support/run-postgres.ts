import { spawnSync } from 'node:child_process'
import { findPostgres } from './postgres.ts'

/** Runs the suite on a PostgreSQL of its own; without one says so, and under CI=true fails. */
if (findPostgres() === null) {
  console.error('skipped: PostgreSQL was not found (on Debian: apt-get install postgresql)')
  process.exit(process.env.CI === 'true' ? 1 : 0)
}
const run = spawnSync('vitest', ['run', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, COURANT_TEST_ENGINE: 'postgres' },
})
process.exit(run.status ?? 1)
