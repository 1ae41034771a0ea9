import { spawnSync } from 'node:child_process'
import { findPgbouncer } from './pgbouncer.ts'
import { findPostgres } from './postgres.ts'

/**
 * Runs the suite on a PostgreSQL of its own; `--pooler` behind a PgBouncer in transaction mode. Where either is missing it
 * says so, and under CI=true fails. What follows is passed to vitest.
 */
const words = process.argv.slice(2)
const isPooled = words[0] === '--pooler'
const missing = [
  ...(findPostgres() === null ? ['PostgreSQL was not found (on Debian: apt-get install postgresql)'] : []),
  ...(isPooled && findPgbouncer() === null ? ['PgBouncer was not found (on Debian: apt-get install pgbouncer)'] : []),
]
if (missing.length > 0) {
  console.error(`skipped: ${missing.join(', ')}`)
  process.exit(process.env.CI === 'true' ? 1 : 0)
}
const run = spawnSync('vitest', ['run', ...words.slice(isPooled ? 1 : 0)], {
  stdio: 'inherit',
  env: {
    ...process.env,
    COURANT_TEST_ENGINE: 'postgres',
    COURANT_TEST_POOLER: isPooled ? 'pgbouncer' : '',
  },
})
process.exit(run.status ?? 1)
