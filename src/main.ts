import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { systemClock } from './clock.ts'
import { type CommandContext, makeContext } from './commands/context.ts'
import { CourantError } from './errors.ts'

const DONE = 0
const FAILED = 1
const WRONG_USAGE = 2
/** Codes of errors that say the command was not understood, or the environment is wrong. */
const USAGE_CODES = new Set(['usage', 'config.invalid'])

/** Each command group's file, read only when it is named: a command starts without what the others need. */
const GROUPS: Readonly<Record<string, () => Promise<(program: Command, context: CommandContext) => void>>> = {
  demo: async () => (await import('./demo/command.ts')).registerDemo,
  migrate: async () => (await import('./commands/migrate.ts')).registerMigrate,
  serve: async () => (await import('./commands/serve.ts')).registerServe,
  tick: async () => (await import('./commands/tick.ts')).registerTick,
  newsletter: async () => (await import('./commands/newsletter.ts')).registerNewsletter,
  source: async () => (await import('./commands/source.ts')).registerSource,
  collect: async () => (await import('./commands/collect.ts')).registerCollect,
  article: async () => (await import('./commands/article.ts')).registerArticle,
  subscriber: async () => (await import('./commands/subscriber.ts')).registerSubscriber,
  digest: async () => (await import('./commands/digest.ts')).registerDigest,
  edition: async () => (await import('./commands/edition.ts')).registerEdition,
  feed: async () => (await import('./commands/feed.ts')).registerFeed,
}

/** Runs one command line and returns the exit code: 0 done, 1 failed, 2 wrong usage. */
export async function main(words: readonly string[]): Promise<number> {
  const json = words.includes('--json')
  try {
    const program = await describe(json, words)
    await program.parseAsync(words, { from: 'user' })
    return process.exitCode === undefined ? DONE : Number(process.exitCode)
  } catch (error) {
    return report(error, json)
  }
}

async function describe(json: boolean, words: readonly string[]): Promise<Command> {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const { version }: { version: string } = JSON.parse(text)
  const program = new Command('courant')
    .description('E-mail newsletter digests: collects new articles, picks what is new to each reader, sends by SMTP.')
    .version(version)
    .option('--json', 'answer in JSON')
    .configureOutput({ outputError: (text, write) => (json ? undefined : write(text)) })
  const context = makeContext(systemClock, process.stdout, process.stderr, () => json)
  const named = Object.keys(GROUPS).filter((name) => words.includes(name))
  for (const [name, load] of Object.entries(GROUPS))
    if (named.length === 0 || named.includes(name)) (await load())(program, context)
  prepare(program)
  return program
}

/** Every command takes `--json`, and a wrong word anywhere ends in `main`, not in the middle of commander. */
function prepare(command: Command): void {
  command.exitOverride()
  for (const child of command.commands) {
    child.copyInheritedSettings(command)
    if (child.commands.length === 0 && !child.options.some((option) => option.long === '--json'))
      child.option('--json', 'answer in JSON')
    prepare(child)
  }
}

function report(error: unknown, json: boolean): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0 || error.code === 'commander.help') return error.exitCode === 0 ? DONE : WRONG_USAGE
    if (json) writeError('usage', error.message.replace(/^error: /, ''), 'Run the command with --help.')
    return WRONG_USAGE
  }
  const { code, what, hint } = factsOf(error)
  if (json) writeError(code, what, hint)
  else process.stderr.write(`${what}${hint === null ? '' : `\n${hint}`}\n`)
  return USAGE_CODES.has(code) ? WRONG_USAGE : FAILED
}

function factsOf(error: unknown): { code: string; what: string; hint: string | null } {
  if (error instanceof CourantError) return { code: error.code, what: error.message, hint: error.todo }
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const what = cause instanceof Error ? cause.message : String(cause)
  const hint = 'This is a fault in Courant; with LOG_LEVEL=debug the log says where.'
  if (readDebug() && error instanceof Error) process.stderr.write(`${cause instanceof Error ? cause.stack : what}\n`)
  return { code: 'internal', what, hint }
}

function readDebug(): boolean {
  return ['debug', 'trace'].includes(
    String(makeContext(systemClock, process.stdout, process.stderr, () => false).config().logLevel),
  )
}

function writeError(code: string, message: string, hint: string | null): void {
  process.stderr.write(`${JSON.stringify({ error: { code, message, hint } })}\n`)
}
