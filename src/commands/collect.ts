import type { Command } from 'commander'
import { CourantError } from '../errors.ts'
import type { CommandContext } from './shared/command-context.ts'
import { rowId } from './shared/values.ts'

const WHAT_TO_DO =
  'a source brought many more than usual, or old ones again. "courant source list" shows which; "courant source set" lets them in or marks them as seen.'

const LIST_SOURCES = '"courant source list" shows the sources with their ids.'
/** A busy host is tried twice a second; a running server asks most hosts for less than two seconds. */
const TRIES_BEFORE_SAYING = 4

/** `courant collect`: fetch all sources now, or one. */
export function registerCollect(program: Command, context: CommandContext): void {
  program
    .command('collect')
    .description('fetch all active sources now')
    .option('--source <id>', 'only this one, even when it has ended', rowId('--source', LIST_SOURCES))
    .action((options: { source?: number }) => collect(context, options.source))
}

async function collect(context: CommandContext, source: number | undefined): Promise<void> {
  const sourceIds = source === undefined ? null : [source]
  const { collectAllowPrivate, baseUrl, secrets } = context.config()
  const [{ collectSources, logSources }, { makeUserAgent }, { openSecretCipher }] = await Promise.all([
    import('../articles/collect.ts'),
    import('../articles/fetch/user-agent.ts'),
    import('../articles/sources/secrets.ts'),
  ])
  const stopped = new AbortController()
  const stop = () => stopped.abort()
  await context.withDatabase(async (db) => {
    process.once('SIGINT', stop)
    const collected = await collectSources(db, {
      sourceIds,
      clock: context.clock,
      userAgent: makeUserAgent(baseUrl),
      allowPrivate: collectAllowPrivate,
      cipher: openSecretCipher(secrets),
      signal: stopped.signal,
      onBusyHost: sayAfter(TRIES_BEFORE_SAYING, (host) => context.warn(`Another process is asking ${host}; waiting.`)),
      ...logSources(context.log()),
    }).finally(() => process.off('SIGINT', stop))
    if (stopped.signal.aborted) throw wasStopped(collected.fetched + collected.unchanged + collected.failed)
    if (source !== undefined && collected.sources === 0) throw unknown(source)
    const { sources, fetched, unchanged, failed } = collected
    const text = `${sources} sources: ${fetched} fetched, ${unchanged} unchanged, ${failed} failed. ${collected.new} new articles, ${collected.updated} updated.`
    context.print(collected, collected.held === 0 ? text : `${text} ${collected.held} held: ${WHAT_TO_DO}`)
  })
}

/** Calls `say` when a key comes for the nth time. */
function sayAfter(times: number, say: (key: string) => void): (key: string) => void {
  const counts = new Map<string, number>()
  return (key) => {
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    if (count === times) say(key)
  }
}

function wasStopped(sources: number): CourantError {
  return new CourantError('collect.stopped', {
    what: 'Collecting was stopped.',
    why: `${sources} sources had been fetched, and what they brought is kept.`,
    todo: 'Run the command again to fetch all of them.',
  })
}

function unknown(source: number): CourantError {
  return new CourantError('source.unknown', {
    what: `No newsletter has a feed ${source}.`,
    todo: LIST_SOURCES,
  })
}
