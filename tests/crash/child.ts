import { type ChildProcess, spawn } from 'node:child_process'
import { FLAGS } from '../support/flags.ts'

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname
const PRELOAD = new URL('./preload.ts', import.meta.url).pathname
const WORDS = [...FLAGS, '--import', PRELOAD]

/** How a process is started. */
export type Start = {
  readonly words: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** How far its clock runs ahead of the machine's. */
  readonly shiftMs: number
  /** Where it kills itself; null leaves it alone. */
  readonly crashAt: string | null
}

/** How a process ended. */
export type End = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** A process of Courant under way. */
export type Child = {
  readonly process: ChildProcess
  readonly ended: Promise<End>
  /** Whether it said anything on its standard output: a server does when it has the database and listens. */
  readonly hasSpoken: () => boolean
}

/** All that were started and have not ended. */
const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** Starts the command line as a user has it, but for the fault points and the clock. */
export function startChild({ words, environment, shiftMs, crashAt }: Start): Child {
  const child = spawn(process.execPath, [...WORDS, CLI, ...words], {
    env: {
      PATH: process.env.PATH,
      LOG_LEVEL: 'warn',
      ...environment,
      CRASH_SHIFT_MS: String(shiftMs),
      ...(crashAt === null ? {} : { CRASH_AT: crashAt }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  living.add(child)
  let out = ''
  let err = ''
  const ended = new Promise<End>((resolve) => {
    child.stdout.on('data', (octets) => {
      out += octets
    })
    child.stderr.on('data', (octets) => {
      err += octets
    })
    child.once('close', (code, signal) => {
      living.delete(child)
      resolve({ code, signal, out, err })
    })
  })
  return { process: child, ended, hasSpoken: () => out !== '' }
}
