import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import { CourantError } from '../../errors.ts'
import { line, many } from '../shared/values.ts'

/** Options for what is sent to a source when it is fetched. */
export type AccessOptions = {
  readonly userAgent?: string
  readonly username?: string
  readonly passwordStdin?: boolean
  readonly header: readonly string[]
}

/** The same as input of an operation. */
type AccessInput = {
  readonly userAgent: string | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  readonly headers: string[]
}

const LONGEST_HEADER = 5_000

/** Adds these options to a command. */
export function takesAccess(command: Command): Command {
  return command
    .option(
      '--user-agent <text>',
      "in the place of Courant's own; an empty text goes back to that",
      line('--user-agent', 'orNone'),
    )
    .option(
      '--username <name>',
      'for sources behind a password; an empty text takes name and password away',
      line('--username', 'orNone'),
    )
    .option('--password-stdin', 'read the password from standard input')
    .option(
      '--header <line>',
      "'Name: value', may be repeated; without a value it is taken away",
      many(line('--header', 'some', LONGEST_HEADER)),
      [],
    )
}

/** Converts the options, and reads the password from standard input. */
export async function readAccess({ userAgent, username, passwordStdin, header }: AccessOptions): Promise<AccessInput> {
  const password = passwordStdin ? await readPassword() : undefined
  return { userAgent, username, password, headers: [...header] }
}

/** The first line of standard input. */
async function readPassword(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) return line
  throw new CourantError('usage', { what: 'There is no password on standard input.' })
}
