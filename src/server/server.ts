import { type Command, Option } from 'commander'
import type { Clock } from '../clock.ts'
import type { CommandContext } from '../commands/shared/command-context.ts'
import { keepSecretsEncrypted } from '../commands/shared/encrypt-now.ts'
import { quote } from '../commands/shared/values.ts'
import type { Config } from '../config/config.ts'
import { requireDescriptors } from '../config/descriptors.ts'
import { type OpenDatabase, openDatabase } from '../db/client.ts'
import { keepAligned } from '../db/database-clock.ts'
import { type Jobs, openJobs } from '../db/jobs.ts'
import { migrateDatabase } from '../db/migrate.ts'
import { openPagesPool, openWorkerPools, POOL_SIZES } from '../db/pools.ts'
import { CourantError, reasonOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Web } from '../web/app.ts'

/** The roles of a process, each alone or all in one. `inbound` is not built yet. */
const ROLES = ['web', 'scheduler', 'worker'] as const
type Role = (typeof ROLES)[number]

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

/** Registers `courant serve`: web pages, scheduler and worker, until SIGTERM or SIGINT. */
export function registerServe(program: Command, context: CommandContext): void {
  program
    .command('serve')
    .description('Run the server: web pages, scheduler and worker')
    .addOption(
      new Option('--roles <list>', `Roles of this process, of ${ROLES.join(',')}`)
        .argParser(readRoles)
        .default(ROLES, 'all'),
    )
    .action((options: { roles: readonly Role[] }) => serve(context, options.roles))
}

async function serve(context: CommandContext, roles: readonly Role[]): Promise<void> {
  const config = context.config()
  const log = context.log()
  requireDescriptors('postgres')
  const waitingFor = new Set<string>()
  const stopRequested = onStopSignal(log, context.clock, waitingFor)
  const opened = await openDatabase(config.databaseUrl, POOL_SIZES.shared, 'alone')
  const stopped = new AbortController()
  try {
    const aligned = context.alignedTo(opened)
    if (aligned !== null) await keepAligned(aligned, opened.db, log, stopped.signal)
    await migrateDatabase(opened.db, context.clock.now())
    await keepSecretsEncrypted(opened.db, config.secrets)
    const server = await startServer(config, opened, log, context.clock, roles)
    const where = server.url === null ? 'Courant runs' : `Courant listens on ${server.url}`
    context.print({ url: server.url, roles }, `${where} (${roles.join(', ')}).`)
    await stopRequested
    await server.stop(waitingFor)
  } finally {
    stopped.abort()
    waitingFor.add('database')
    await opened.close()
  }
  log.info({}, 'server.stopped')
  // A connection that is still being refused must not keep the process alive.
  setTimeout(() => process.exit(), LINGER_MS).unref()
}

/** A stop must end within 10 s. */
const FORCE_MS = 9_000
const LINGER_MS = 500
/** npm passes on the Ctrl-C that the terminal has sent to its child process already. */
const SAME_SIGNAL_MS = 1_000

/**
 * Resolves at the first signal. A second one, or 9 s, ends the process at once with exit code 1, and the log names the
 * parts that had not stopped.
 */
function onStopSignal(log: Logger, clock: Clock, waitingFor: ReadonlySet<string>): Promise<void> {
  return new Promise((resolve) => {
    let firstMs: number | null = null
    const force = (reason: string) => {
      log.error({ reason, waitingFor: [...waitingFor] }, 'server.forced')
      process.exit(1)
    }
    const handle = (signal: NodeJS.Signals) => {
      if (firstMs !== null && clock.monotonicMs() - firstMs > SAME_SIGNAL_MS) force('a second signal')
      if (firstMs !== null) return
      firstMs = clock.monotonicMs()
      log.info({ signal }, 'server.stopping')
      setTimeout(() => force(`not stopped within ${FORCE_MS / 1000} s`), FORCE_MS).unref()
      resolve()
    }
    process.on('SIGTERM', handle)
    process.on('SIGINT', handle)
  })
}

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
  roles: readonly Role[],
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

/** Parses `--roles`. @throws CourantError `usage`, which names the roles. */
function readRoles(text: string): readonly Role[] {
  const named = text.split(',').map((name) => name.trim())
  const unknown = named.find((name) => !isRole(name))
  if (unknown === undefined) return ROLES.filter((role) => named.includes(role))
  throw new CourantError('usage', {
    what: 'Invalid value for --roles.',
    why: `There is no role ${quote(unknown)}.`,
    todo: `Name some of ${ROLES.join(', ')}, separated by commas${named.includes('inbound') ? '; inbound is not built yet' : ''}.`,
  })
}

const isRole = (name: string): name is Role => ROLES.some((role) => role === name)
