import { Command } from 'commander'
import { type Clock, clockFrom, Temporal } from '../../src/clock.ts'
import { registerArticle } from '../../src/commands/article.ts'
import { registerCollect } from '../../src/commands/collect.ts'
import type { CommandContext } from '../../src/commands/context.ts'
import { registerDigest } from '../../src/commands/digest.ts'
import { registerEdition } from '../../src/commands/edition.ts'
import { registerFeed } from '../../src/commands/feed.ts'
import { registerMigrate } from '../../src/commands/migrate.ts'
import { registerNewsletter } from '../../src/commands/newsletter.ts'
import { registerServe } from '../../src/commands/serve.ts'
import { registerSource } from '../../src/commands/source.ts'
import { registerSubscriber } from '../../src/commands/subscriber.ts'
import { registerTick } from '../../src/commands/tick.ts'
import { type Config, readConfig } from '../../src/config.ts'
import type { Database } from '../../src/db/client.ts'
import { registerDemo } from '../../src/demo/command.ts'
import { openLog } from '../../src/log.ts'

/** A Monday; the examples' articles are of that morning. */
export const NOON = Temporal.Instant.from('2026-11-23T12:00:00Z')

/** What the command table needs to be looked at, but not run. */
const NOWHERE: CommandContext = contextOf(
  null,
  readConfig({ SECRET: 'x'.repeat(32), MAIL_FROM: 'Haus <haus@verlag.example>' }),
  clockFrom(NOON),
  () => {},
)

/** Every command there is, as `main` has them. */
export function tableOf(context: CommandContext = NOWHERE): Command {
  const program = new Command('courant').exitOverride().configureOutput({ writeErr: () => {} })
  for (const register of [
    registerDemo,
    registerMigrate,
    registerServe,
    registerTick,
    registerNewsletter,
    registerSource,
    registerCollect,
    registerArticle,
    registerSubscriber,
    registerDigest,
    registerEdition,
    registerFeed,
  ])
    register(program, context)
  inherit(program)
  return program
}

function inherit(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command)
    inherit(child)
  }
}

/** The command that these words name, and what is wrong with them; what is no option's value counts as an argument. */
export function findCommand(words: readonly string[]): {
  readonly command: Command
  readonly wrong: readonly string[]
} {
  let command = tableOf()
  let at = 0
  for (; at < words.length; at += 1) {
    const child = command.commands.find((one) => one.name() === words[at])
    if (child === undefined) break
    command = child
  }
  const known = new Set(['--json', '--help', ...command.options.map((option) => option.long ?? '')])
  const unknown = words.slice(at).filter((word) => word.startsWith('--') && !known.has(word))
  const nameless = command.commands.length > 0 ? [`${words.slice(0, at + 1).join(' ')} is no command`] : []
  return { command, wrong: [...nameless, ...unknown.map((option) => `${command.name()} has no ${option}`)] }
}

/** What one command answered, in JSON. */
export type Answers = readonly unknown[]

/** Runs command lines on a database as `main` does. */
export const courantOn =
  (db: Database, config: Config, clock: Clock) =>
  async (words: readonly string[]): Promise<Answers> => {
    const answers: unknown[] = []
    const context = contextOf(db, config, clock, (answer) => answers.push(JSON.parse(JSON.stringify(answer))))
    const asked = words.filter((word) => word !== '--json')
    await tableOf(context).parseAsync(asked, { from: 'user' })
    return answers
  }

function contextOf(
  db: Database | null,
  config: Config,
  clock: Clock,
  print: (answer: unknown) => void,
): CommandContext {
  const log = openLog('silent')
  return {
    config: () => config,
    log: () => log,
    clock,
    withDatabase: (use) => {
      if (db === null) throw new Error('this table is only looked at')
      return use(db)
    },
    print,
    printLine: print,
    warn: () => {},
    progress: async () => ({ update: () => {}, stop: () => {} }),
  }
}
