import { createInterface } from 'node:readline/promises'
import { CourantError } from '../../errors.ts'

/** Where a person may be asked. */
type Terminal = {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean }
}

const STANDARD: Terminal = { input: process.stdin, output: process.stderr }

/** Whether there is somebody to ask. */
export const isTerminal = ({ input, output }: Terminal = STANDARD): boolean =>
  input.isTTY === true && output.isTTY === true

/**
 * Asks a person on a terminal before something that cannot be undone; in a pipe there is nobody to ask.
 *
 * @throws CourantError `declined` unless the answer is yes.
 */
export async function confirmOrAbort(question: string, terminal: Terminal = STANDARD): Promise<void> {
  if (!isTerminal(terminal)) return
  const lines = createInterface({ input: terminal.input, output: terminal.output, terminal: false })
  // The input may end without an answer (Ctrl-D): that is none.
  const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')))
  const answer = await Promise.race([lines.question(`${question} [y/N] `), ended])
  lines.close()
  if (/^\s*(y|yes|j|ja)\s*$/i.test(answer)) return
  throw new CourantError('declined', { what: 'Nothing was changed.' })
}
