import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { OpenDatabase } from '../db/client.ts'
import { type Jobs, openJobs } from '../db/jobs.ts'
import { openPagesPool, openWorkerPools } from '../db/pools.ts'
import { reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Web } from '../web/app.ts'

/** The roles of a process, each alone or all in one. `inbound` is not built yet. */
export const SERVER_ROLES = ['web', 'scheduler', 'worker'] as const
export type ServerRole = (typeof SERVER_ROLES)[number]

/** A running server; `url` is where it listens, null without the role `web`. */
type Server = {
  readonly url: string | null
  /**
   * Finishes requests and messages under way and gives leases back; the database stays open. `waitingFor` names the parts
   * that have not stopped yet.
   */
  readonly stop: (waitingFor?: Set<string>) => Promise<void>
}

/** What a server can be given besides its configuration. */
type ServerExtras = Pick<Web, 'mounts'>

/**
 * Starts the roles on a database that is open and migrated. Templates, relays and the port are checked before the first
 * role begins its work.
 *
 * @throws CourantError `web.port`, `template.invalid`, `config.invalid`.
 */
export async function startServer(
  config: Config,
  opened: OpenDatabase,
  log: Logger,
  clock: Clock,
  roles: readonly ServerRole[],
  extras: ServerExtras = {},
): Promise<Server> {
  const stopping = new AbortController()
  const parts: Parts = new Map()
  const stop = async (waitingFor = new Set<string>()) => {
    stopping.abort()
    await stopParts(parts, waitingFor)
  }
  try {
    const work = roles.includes('worker') ? await openWork(config, log) : null
    const jobs = await openJobs(opened, log)
    parts.set('work under way', jobs.close)
    const web = roles.includes('web')
      ? await startWeb(config, opened, log, clock, jobs, { ...extras, sendsToo: work !== null })
      : null
    if (web !== null) parts.set('requests', web.close)
    if (work !== null) parts.set('collecting', await startWork(opened, work, jobs, clock, stopping.signal))
    if (roles.includes('scheduler')) {
      const { startScheduler } = await import('../scheduler/scheduler.ts')
      parts.set('scheduler', (await startScheduler(opened.db, jobs, log, clock)).stop)
    }
    log.info({ url: web?.url, roles }, 'server.listening')
    return { url: web?.url ?? null, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** How to stop each part of a server, by its name in the log. */
type Parts = Map<string, () => Promise<void>>

/** Stops all parts at once; those that have not stopped yet are in `waitingFor`. */
async function stopParts(parts: Parts, waitingFor: Set<string>): Promise<void> {
  const stopPart = async ([part, stop]: readonly [string, () => Promise<void>]) => {
    waitingFor.add(part)
    await stop()
    waitingFor.delete(part)
  }
  await Promise.all([...parts].map(stopPart))
}

/** Starts the worker and its collector; returns what waits for the collector once `signal` is aborted. */
async function startWork(
  opened: OpenDatabase,
  work: Awaited<ReturnType<typeof openWork>>,
  jobs: Jobs,
  clock: Clock,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const [{ startWorker }, { runCollector }] = await Promise.all([
    import('../scheduler/job-handlers.ts'),
    import('../scheduler/run-collector.ts'),
  ])
  await startWorker(openWorkerPools(opened), work, jobs, clock, signal)
  const collecting = runCollector(opened.db, work.collector, work.log, clock, signal)
  return () => collecting
}

async function startWeb(
  config: Config,
  opened: OpenDatabase,
  log: Logger,
  clock: Clock,
  jobs: Jobs,
  extras: Pick<Web, 'mounts' | 'sendsToo'>,
) {
  const [{ makeApp }, { listen }, { readHealth }, { openLinkKeys }] = await Promise.all([
    import('../web/app.ts'),
    import('../web/listen.ts'),
    import('../scheduler/health.ts'),
    import('../subscribers/tokens.ts'),
  ])
  const wake: Web['wake'] = (queue) => {
    jobs.wake(queue).catch((error: unknown) => log.warn({ queue, reason: reasonOf(error) }, 'wake.failed'))
  }
  const app = makeApp({
    db: openPagesPool(opened),
    config,
    linkKeys: openLinkKeys(config.secrets),
    clock,
    log,
    wake,
    // Not through the pages' connections, which are all in use when many readers come at once.
    readHealth: () => readHealth(opened.db, clock.now()),
    ...extras,
  })
  return listen(app, config.port, config.host)
}

async function openWork(config: Config, log: Logger) {
  const [{ openSender }, { makeUserAgent }] = await Promise.all([
    import('../delivery/open-sender.ts'),
    import('../articles/fetch/user-agent.ts'),
  ])
  const { databaseUrl, secrets, logLevel, collectAllowPrivate: allowPrivate } = config
  const collector = { databaseUrl, secrets, logLevel, allowPrivate, userAgent: makeUserAgent(config.baseUrl) }
  return { sender: await openSender(config, log, true), collector, log }
}
