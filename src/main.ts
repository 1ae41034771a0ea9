import type { Writable } from 'node:stream'
import { Command, CommanderError, type OutputConfiguration } from 'commander'
import { systemClock } from './clock.ts'
import { type CommandContext, makeContext } from './commands/shared/command-context.ts'
import { CourantError, reasonOf } from './errors.ts'
import { readVersion } from './version.ts'

const DONE = 0
const FAILED = 1
const WRONG_USAGE = 2
/** Codes of errors that say the command was not understood, or the environment is wrong. */
const USAGE_CODES = new Set(['usage', 'config.invalid'])

/** A group of commands: what the overview of all commands says of it, and its file. */
type Group = {
  readonly description: string
  readonly load: () => Promise<(program: Command, context: CommandContext) => void>
}

/** Each group's file is read only when it is named: a command starts without what the others need. */
export const GROUPS: Readonly<Record<string, Group>> = {
  demo: {
    description: 'run the whole system on a database and a mailbox of its own',
    load: async () => (await import('./demo/command.ts')).registerDemo,
  },
  migrate: {
    description: "bring the database's schema up to date",
    load: async () => (await import('./commands/migrate.ts')).registerMigrate,
  },
  serve: {
    description: 'run the server: web pages, scheduler and worker',
    load: async () => (await import('./server/serve.ts')).registerServe,
  },
  tick: {
    description: 'run one pass of the scheduler: collect, plan and deliver what is due',
    load: async () => (await import('./commands/tick.ts')).registerTick,
  },
  newsletter: {
    description: 'manage newsletters',
    load: async () => (await import('./commands/newsletters.ts')).registerNewsletter,
  },
  source: {
    description: 'manage sources of articles',
    load: async () => (await import('./commands/sources/sources.ts')).registerSource,
  },
  collect: {
    description: 'fetch all active sources now',
    load: async () => (await import('./commands/collect.ts')).registerCollect,
  },
  article: {
    description: 'manage articles',
    load: async () => (await import('./commands/articles.ts')).registerArticle,
  },
  subscriber: {
    description: 'manage subscribers and their subscriptions',
    load: async () => (await import('./commands/subscribers.ts')).registerSubscriber,
  },
  suppression: {
    description: 'manage suppressed addresses',
    load: async () => (await import('./commands/suppressions.ts')).registerSuppression,
  },
  digest: {
    description: 'preview, test or send the next digest',
    load: async () => (await import('./commands/digests/digests.ts')).registerDigest,
  },
  edition: {
    description: 'list, pause, resume and cancel editions',
    load: async () => (await import('./commands/editions.ts')).registerEdition,
  },
  notice: {
    description: 'manage confirmation mails',
    load: async () => (await import('./commands/notices.ts')).registerNotice,
  },
  audit: {
    description: 'see who changed what',
    load: async () => (await import('./commands/audit.ts')).registerAudit,
  },
  feed: {
    description: 'inspect feeds',
    load: async () => (await import('./commands/feeds.ts')).registerFeed,
  },
}

/** Runs one command line and returns the exit code: 0 done, 1 failed, 2 wrong usage. */
export async function main(
  words: readonly string[],
  out: Writable = process.stdout,
  err: Writable = process.stderr,
): Promise<number> {
  const json = words.includes('--json')
  const context = makeContext(systemClock, out, err, () => json)
  try {
    const program = await makeProgram(context, words, {
      writeOut: (text) => out.write(text),
      writeErr: (text) => err.write(text),
      outputError: (text, write) => (json ? undefined : write(text)),
    })
    await program.parseAsync(words, { from: 'user' })
    return process.exitCode === undefined ? DONE : Number(process.exitCode)
  } catch (error) {
    return report(error, json, context, err)
  }
}

/** Asks for no command, but for what there is. */
const OVERVIEW = ['--help', '-h', '--version', '-V']

/** The command line's table: the groups that `words` name, or where they name none all of them; for an overview their names. */
export async function makeProgram(
  context: CommandContext,
  words: readonly string[],
  output: OutputConfiguration,
): Promise<Command> {
  const program = new Command('courant')
    .description('E-mail newsletter digests: collects new articles, picks what is new to each reader, sends by SMTP.')
    .version(readVersion())
    .option('--json', 'print JSON')
    .configureOutput(output)
  const named = Object.keys(GROUPS).filter((name) => words.includes(name))
  const isOverview = named.length === 0 && words.some((word) => OVERVIEW.includes(word))
  for (const [name, { description, load }] of Object.entries(GROUPS)) {
    if (isOverview) program.command(name).description(description)
    else if (named.length === 0 || named.includes(name)) (await load())(program, context)
  }
  prepare(program)
  return program
}

/** Every command takes `--json`, and a wrong word anywhere ends in `main`, not in the middle of commander. */
function prepare(command: Command): void {
  command.exitOverride()
  for (const child of command.commands) {
    child.copyInheritedSettings(command)
    if (child.commands.length === 0 && !child.options.some((option) => option.long === '--json'))
      child.option('--json', 'print JSON')
    prepare(child)
  }
}

function report(error: unknown, json: boolean, context: CommandContext, err: Writable): number {
  const answer = (code: string, message: string, hint: string | null) => {
    if (json) err.write(`${JSON.stringify({ error: { code, message, hint } })}\n`)
    else err.write(`${message}${hint === null ? '' : `\n${hint}`}\n`)
  }
  if (error instanceof CommanderError) {
    if (error.exitCode === 0 || error.code === 'commander.help') return error.exitCode === 0 ? DONE : WRONG_USAGE
    if (json) answer('usage', error.message.replace(/^error: /, ''), 'Run the command with --help.')
    return WRONG_USAGE
  }
  if (error instanceof CourantError) {
    answer(error.code, error.message, error.todo)
    return USAGE_CODES.has(error.code) ? WRONG_USAGE : FAILED
  }
  if (['debug', 'trace'].includes(context.config().logLevel)) err.write(`${placesIn(error).join('\n')}\n`)
  answer('internal', reasonOf(error), 'Internal error. Set LOG_LEVEL=debug for details, and report it.')
  return FAILED
}

/** Where it went wrong, without the words of the error, which may name an address. */
function placesIn(error: unknown): readonly string[] {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const stack = cause instanceof Error ? (cause.stack ?? '') : ''
  return stack.split('\n').filter((line) => /^\s+at /.test(line))
}
