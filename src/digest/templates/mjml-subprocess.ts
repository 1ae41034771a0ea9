import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { MjmlResult } from './mjml-run.ts'

const PROGRAM = fileURLToPath(new URL('./mjml-program.ts', import.meta.url))
const FLAGS = ['--disable-warning=ExperimentalWarning']

/**
 * Runs mjml in a process of its own, which takes its memory along: a worker that runs for weeks would else keep 35 MB of
 * it, and a thread gives none back.
 */
export async function runMjmlInSubprocess(source: string): Promise<MjmlResult> {
  const child = spawn(process.execPath, [...FLAGS, PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  // One that dies early says so by its exit code.
  child.stdin.on('error', () => {})
  child.stdin.end(source)
  const said = await text(child.stdout)
  const [code] = await ended
  if (code !== 0) throw new Error(`mjml ended with ${code}`)
  return JSON.parse(said)
}
