import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { runCommand } from '../support/command.ts'

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname

/** The demo as a user starts it, in a folder of its own. */
export type RunningDemo = {
  readonly url: string
  /** Runs a command beside it, on its database. */
  readonly courant: <T>(...words: string[]) => Promise<T>
  readonly stop: () => Promise<void>
}

/** Starts the demo and waits until it says where it is. */
export async function startDemoProcess(folder: string): Promise<RunningDemo> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'demo', '--json'], {
    cwd: folder,
    env: { PATH: process.env.PATH, PORT: '0', LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const places: { subscribe: string } = JSON.parse(await readLine(child))
  const databaseUrl = `pglite://${join(folder, 'data', 'demo')}`
  return {
    url: new URL(places.subscribe).origin,
    courant: (...words) => runCommand(words, { DATABASE_URL: databaseUrl }),
    stop: async () => {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    },
  }
}

async function readLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the demo has no output')
  for await (const line of createInterface({ input: child.stdout })) return line
  throw new Error('the demo ended before it said where it is')
}
