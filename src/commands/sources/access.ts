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
    .option('--user-agent <text>', "User-Agent to send; empty for Courant's own", line('--user-agent', 'orNone'))
    .option(
      '--username <name>',
      'user name for the source; empty to remove name and password',
      line('--username', 'orNone'),
    )
    .option('--password-stdin', 'read the password from standard input')
    .option(
      '--header <line>',
      "'Name: value', repeatable; without a value the header is removed",
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
