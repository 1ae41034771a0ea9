import type { Clock } from '../../src/clock.ts'
import type { CommandContext } from '../../src/commands/shared/command-context.ts'
import type { Config } from '../../src/config/config.ts'
import type { Database } from '../../src/db/client.ts'
import { openLog } from '../../src/log.ts'
import { makeProgram } from '../../src/main.ts'

/** What commands answered, in JSON and in text, and their remarks. */
export type Answer = {
  readonly results: readonly unknown[]
  readonly texts: readonly string[]
  readonly warnings: readonly string[]
}

/** What a command line is run with, in this process: an open database (none where it is only looked at), and the time. */
export type Desk = { readonly db: Database | null; readonly config: Config; readonly clock: Clock }

/** Says nothing itself: what is wrong is thrown. */
export const MUTE = { writeOut: () => {}, writeErr: () => {} }

/** Runs command lines as `main` does. */
export const courantOn =
  (desk: Desk) =>
  async (...words: readonly string[]): Promise<Answer> => {
    const results: unknown[] = []
    const texts: string[] = []
    const warnings: string[] = []
    const print = (result: unknown, text: string) => {
      results.push(JSON.parse(JSON.stringify(result)))
      texts.push(text)
    }
    const context = contextOf(desk, print, (text) => warnings.push(text))
    const program = await makeProgram(context, words, MUTE)
    await program.parseAsync(words, { from: 'user' })
    return { results, texts, warnings }
  }

/** The context of commands at this desk. */
export function contextOf(
  { db, config, clock }: Desk,
  print: CommandContext['print'],
  warn: CommandContext['warn'],
): CommandContext {
  const log = openLog('silent')
  return {
    config: () => config,
    log: () => log,
    clock,
    alignedTo: () => null,
    withDatabase: (use) => {
      if (db === null) throw new Error('these commands are only looked at')
      return use(db)
    },
    print,
    printLine: print,
    warn,
    progress: async () => ({ update: () => {}, stop: () => {} }),
  }
}
