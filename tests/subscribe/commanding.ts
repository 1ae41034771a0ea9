import { Command } from 'commander'
import type { CommandContext } from '../../src/commands/context.ts'
import { registerNewsletter } from '../../src/commands/newsletter.ts'
import { registerSubscriber } from '../../src/commands/subscriber.ts'
import { readConfig } from '../../src/config.ts'
import type { Database } from '../../src/db/client.ts'
import { openLog } from '../../src/log.ts'
import { handClock } from '../support/clock.ts'
import { NOON } from './fixtures.ts'

/** What a command said, in JSON and in text, and its remarks. */
export type Answer = {
  readonly results: readonly unknown[]
  readonly texts: readonly string[]
  readonly warnings: readonly string[]
}

/** Runs command lines on a database as `main` does, with a clock that stands at noon. */
export const courantOn =
  (db: Database) =>
  async (...words: string[]): Promise<Answer> => {
    const results: unknown[] = []
    const texts: string[] = []
    const warnings: string[] = []
    const print = (result: unknown, text: string) => {
      results.push(JSON.parse(JSON.stringify(result)))
      texts.push(text)
    }
    const config = readConfig({ MAIL_FROM: 'Haus <haus@verlag.example>', SECRET: 'x'.repeat(32) })
    const context: CommandContext = {
      config: () => config,
      log: () => openLog('silent'),
      clock: handClock(NOON),
      withDatabase: (use) => use(db),
      print,
      printLine: print,
      warn: (text) => warnings.push(text),
      progress: async () => ({ update: () => {}, stop: () => {} }),
    }
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
    registerNewsletter(program, context)
    registerSubscriber(program, context)
    for (const group of program.commands) for (const command of group.commands) command.copyInheritedSettings(program)
    await program.parseAsync(words, { from: 'user' })
    return { results, texts, warnings }
  }
