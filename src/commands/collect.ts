import type { Command } from 'commander'
import { CourantError } from '../errors.ts'
import type { CommandContext } from './call/context.ts'
import { rowId } from './call/values.ts'

const WHAT_TO_DO =
  'a source brought many more than usual, or old ones again. "courant source list" shows which; "courant source set" lets them in or marks them as seen.'

const LIST_SOURCES = '"courant source list" shows the sources with their ids.'

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
  const { collectAllowPrivate, baseUrl } = context.config()
  const [{ collectSources }, { makeUserAgent }] = await Promise.all([
    import('../collect/collect.ts'),
    import('../collect/http/agent.ts'),
  ])
  await context.withDatabase(async (db) => {
    const collected = await collectSources(db, {
      sourceIds,
      now: context.clock.now(),
      userAgent: makeUserAgent(baseUrl),
      allowPrivate: collectAllowPrivate,
      onFailure: (id, reason) => context.log().warn({ sourceId: id, reason }, 'source.failed'),
      onHeld: (id, articles) => context.log().warn({ sourceId: id, articles }, 'source.held'),
    })
    if (source !== undefined && collected.sources === 0) throw unknown(source)
    const { sources, fetched, unchanged, failed } = collected
    const text = `${sources} sources: ${fetched} fetched, ${unchanged} unchanged, ${failed} failed. ${collected.new} new articles, ${collected.updated} updated.`
    context.print(collected, collected.held === 0 ? text : `${text} ${collected.held} held: ${WHAT_TO_DO}`)
  })
}

function unknown(source: number): CourantError {
  return new CourantError('source.unknown', {
    what: `No newsletter has a feed ${source}.`,
    todo: LIST_SOURCES,
  })
}
