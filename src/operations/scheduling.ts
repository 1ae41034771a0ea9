import { z } from 'zod'
import { CourantError } from '../errors.ts'
import { rowIdField } from './fields.ts'
import { type OperationContext, unaudited } from './operation.ts'

/** What a collection reports on its way; once `signal` is aborted it ends early. */
export type CollectContext = OperationContext & {
  readonly signal?: AbortSignal
  /** Called for a host that another process is asking, each time it is tried. */
  readonly onBusyHost?: (host: string) => void
}

/** What the scheduler does by itself, done now. It leaves no audit line: a cron may ask for it each minute. */
export const schedulingOperations = {
  /** Fetches all active sources now, or one, even when it has ended. */
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

  /** One pass of the scheduler. A part that fails keeps none of the others from its work. */
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

/** How sources are fetched, by the configuration. */
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
