import type { Command } from 'commander'
import { CourantError } from '../errors.ts'
import { schedulingOperations } from '../operations/scheduling.ts'
import type { CommandContext } from './shared/command-context.ts'
import { performOne } from './shared/run.ts'
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
    .option('--source <id>', 'only this source, even if it has ended', rowId('--source', LIST_SOURCES))
    .action((options: { source?: number }) => collect(context, options.source))
}

async function collect(context: CommandContext, source: number | undefined): Promise<void> {
  const stopped = new AbortController()
  const stop = () => stopped.abort()
  process.once('SIGINT', stop)
  const onBusyHost = sayAfter(TRIES_BEFORE_SAYING, (host) =>
    context.warn(`Another process is fetching from ${host}; waiting.`),
  )
  const listeners = { signal: stopped.signal, onBusyHost }
  const collected = await performOne(context, schedulingOperations.collect, { source }, listeners).finally(() =>
    process.off('SIGINT', stop),
  )
  if (stopped.signal.aborted) throw wasStopped(collected.fetched + collected.unchanged + collected.failed)
  const { sources, fetched, unchanged, failed } = collected
  const text = `${sources} sources: ${fetched} fetched, ${unchanged} unchanged, ${failed} failed. ${collected.new} new articles, ${collected.updated} updated.`
  context.print(collected, collected.held === 0 ? text : `${text} ${collected.held} held: ${WHAT_TO_DO}`)
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
    why: `${sources} sources had been fetched; their articles are stored.`,
    todo: 'Run the command again to fetch all sources.',
  })
}
