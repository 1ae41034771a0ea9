import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { FLAGS } from '../../tests/support/flags.ts'

/** A worker in a process of its own. */
export type BenchWorker = {
  /** Resident memory in 10⁶ octets. */
  readonly residentMb: () => number
  /** Tells it to end, and waits until it has. */
  readonly stop: () => Promise<void>
}

const CLI = join(import.meta.dirname, '../../src/cli.ts')

/** Starts `courant serve --roles worker` as `npm start` would. */
export function startWorker(databaseUrl: string, relayUrl: string): BenchWorker {
  const child = spawn(process.execPath, [...FLAGS, CLI, 'serve', '--roles', 'worker'], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: databaseUrl,
      SMTP_URL: relayUrl,
      BASE_URL: 'https://digest.example.org',
      SECRET: 'a secret of the benchmark that is long enough',
      LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  process.once('exit', () => child.kill('SIGKILL'))
  return {
    residentMb: () => {
      if (child.exitCode !== null) throw new Error(`The worker ended with ${child.exitCode}.`)
      return Math.round(
        Number(execFileSync('ps', ['-o', 'rss=', '-p', String(child.pid)], { encoding: 'utf8' })) / 976.6,
      )
    },
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}
