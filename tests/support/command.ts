import { type ChildProcess, spawn } from 'node:child_process'
import { FLAGS } from './flags.ts'

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname

/** What a command said and how it ended. */
export type Ended = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** A command under way. */
export type Command = { readonly child: ChildProcess; readonly ended: Promise<Ended> }

/** Starts the real command line in a process of its own, which may have so many `descriptors` open where it is said. */
export function startCommand(
  words: readonly string[],
  environment: Record<string, string>,
  input?: string,
  descriptors?: number,
): Command {
  const line = [process.execPath, ...FLAGS, CLI, ...words]
  const limited =
    descriptors === undefined ? line : ['sh', '-c', `ulimit -n ${descriptors} && exec "$@"`, 'sh', ...line]
  const [program = '', ...rest] = limited
  const child = spawn(program, rest, {
    env: { PATH: process.env.PATH, LOG_LEVEL: 'warn', ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(input ?? '')
  const ended = new Promise<Ended>((resolve) => {
    let out = ''
    let err = ''
    child.stdout.on('data', (octets) => {
      out += octets
    })
    child.stderr.on('data', (octets) => {
      err += octets
    })
    child.once('close', (code, signal) => resolve({ code, signal, out, err }))
  })
  return { child, ended }
}

/** Runs it to its end and reads its one JSON document; an error of the command is thrown with what it said. */
export async function runCommand<T>(
  words: readonly string[],
  environment: Record<string, string>,
  input?: string,
): Promise<T> {
  const { code, out, err } = await startCommand([...words, '--json'], environment, input).ended
  if (code !== 0) throw new Error(`courant ${words.join(' ')} ended with ${code}: ${err}`)
  const document: T = JSON.parse(out)
  return document
}
