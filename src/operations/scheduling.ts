import { z } from 'zod'
import { CourantError } from '../errors.ts'
import { rowIdField } from './fields.ts'
import { type OperationContext, unaudited } from './operation.ts'

/** The context of a collection, which ends early when `signal` is aborted. */
export type CollectContext = OperationContext & {
  readonly signal?: AbortSignal
  /** Called each time a host is skipped because another process is fetching from it. */
  readonly onBusyHost?: (host: string) => void
}

/** What the scheduler does, run now. Not audited, since cron may run it every minute. */
export const schedulingOperations = {
  /** Fetches all active sources, or one, even if it has ended. */
  collect: unaudited({
    name: 'collect',
    right: 'system.run',
    input: z.object({ source: rowIdField.optional() }),
    run: async (context: CollectContext, { source }) => {
      const { db, clock, signal, onBusyHost } = context
      const { collectSources, logSources } = await import('../articles/collect.ts')
      const collected = await collectSources(db, {
        ...(await fetchOptions(context)),
        ...{ sourceIds: source === undefined ? null : [source], clock },
        ...(signal && { signal }),
        ...(onBusyHost && { onBusyHost }),
        ...logSources(context.log()),
      })
      if (source !== undefined && collected.sources === 0 && signal?.aborted !== true) throw unknown(source)
      return collected
    },
  }),

  /** Runs one pass of the scheduler. A part that fails does not stop the others. */
  tick: unaudited({
    name: 'tick',
    right: 'system.run',
    input: z.object({}),
    run: async (context: OperationContext) => {
      const [{ runTick }, { openSender }] = await Promise.all([
        import('../scheduler/tick.ts'),
        import('../delivery/open-sender.ts'),
      ])
      const log = context.log()
      const sender = context.sender ?? (await openSender(context.config(), log))
      return runTick(context.db, { sender, collecting: await fetchOptions(context), log }, context.clock)
    },
  }),
}

/** The configured options of fetching. */
async function fetchOptions({ config }: OperationContext) {
  const [{ makeUserAgent }, { openSecretCipher }] = await Promise.all([
    import('../articles/fetch/user-agent.ts'),
    import('../articles/sources/secrets.ts'),
  ])
  const { baseUrl, collectAllowPrivate: allowPrivate, secrets } = config()
  return { userAgent: makeUserAgent(baseUrl), allowPrivate, cipher: openSecretCipher(secrets) }
}

function unknown(source: number): CourantError {
  return new CourantError('source.unknown', {
    what: `No newsletter has a feed ${source}.`,
    todo: '"courant source list" shows the sources with their ids.',
  })
}
