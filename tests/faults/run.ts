import { spawnSync } from 'node:child_process'
import { findPostgres } from '../support/postgres.ts'

/**
 * `npm run test:faults` runs every scenario with every fault on both engines; `--engine embedded` on one of them, `--all` with
 * once and six times for each code of each statement, where otherwise they take turns. What follows is passed to vitest.
 */
const words = process.argv.slice(2)
const takeOut = (at: number, count: number) => (at < 0 ? [] : words.splice(at, count))
const [, only = null] = takeOut(words.indexOf('--engine'), 2)
const [all = null] = takeOut(words.indexOf('--all'), 1)
const engines = ['embedded', 'postgres'].filter((engine) => only === null || engine === only)

for (const engine of engines) {
  if (engine === 'postgres' && findPostgres() === null) {
    console.error('skipped on PostgreSQL: it was not found (on Debian: apt-get install postgresql)')
    if (process.env.CI === 'true') process.exitCode = 1
    continue
  }
  const environment = { COURANT_TEST_ENGINE: engine, COURANT_FAULTS: all === null ? 'some' : 'all' }
  const run = spawnSync('vitest', ['run', '--config', 'tests/faults/vitest.config.ts', ...words], {
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  })
  if (run.status !== 0) process.exitCode = run.status ?? 1
}
