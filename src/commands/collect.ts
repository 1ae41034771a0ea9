import type { Command } from 'commander'
import { CourantError } from '../errors.ts'
import type { CommandContext } from './context.ts'

/** `courant collect`: fetch all sources now, or one. */
export function registerCollect(program: Command, context: CommandContext): void {
  program
    .command('collect')
    .description('fetch all active sources now')
    .option('--source <id>', 'only this one, even when it has ended')
    .action((options: { source?: string }) => collect(context, options.source))
}

async function collect(context: CommandContext, source: string | undefined): Promise<void> {
  const sourceIds = source === undefined ? null : [readId(source)]
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
    })
    if (source !== undefined && collected.sources === 0) throw unknown(source)
    const { sources, fetched, unchanged, failed } = collected
    const text = `${sources} sources: ${fetched} fetched, ${unchanged} unchanged, ${failed} failed. ${collected.new} new articles, ${collected.updated} updated.`
    context.print(collected, text)
  })
}

function readId(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new CourantError('usage', {
    what: '--source is wrong.',
    why: `It takes the id of a source, and got ${JSON.stringify(text)}.`,
    todo: '"courant source list" shows the ids.',
  })
}

function unknown(source: string): CourantError {
  return new CourantError('source.unknown', {
    what: `No newsletter has a feed ${source}.`,
    todo: '"courant source list" shows the sources with their ids.',
  })
}
