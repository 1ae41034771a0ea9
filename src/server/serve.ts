import { type Command, Option } from 'commander'
import type { Clock } from '../clock.ts'
import type { CommandContext } from '../commands/shared/command-context.ts'
import { keepSecretsEncrypted } from '../commands/shared/encrypt-now.ts'
import { quote } from '../commands/shared/values.ts'
import { requireDescriptors } from '../config/descriptors.ts'
import { openDatabase } from '../db/client.ts'
import { keepAligned } from '../db/database-clock.ts'
import { migrateDatabase } from '../db/migrate.ts'
import { POOL_SIZES } from '../db/pools.ts'
import { CourantError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { SERVER_ROLES, type ServerRole, startServer } from './server.ts'

/** Registers `courant serve`: web pages, scheduler and worker, until SIGTERM or SIGINT. */
export function registerServe(program: Command, context: CommandContext): void {
  program
    .command('serve')
    .description('run the server: web pages, scheduler and worker')
    .addOption(
      new Option('--roles <list>', `Roles of this process, of ${SERVER_ROLES.join(',')}`)
        .argParser(readRoles)
        .default(SERVER_ROLES, 'all'),
    )
    .action((options: { roles: readonly ServerRole[] }) => serve(context, options.roles))
}

async function serve(context: CommandContext, roles: readonly ServerRole[]): Promise<void> {
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

/** Parses `--roles`. @throws CourantError `usage`, which names the roles. */
function readRoles(text: string): readonly ServerRole[] {
  const named = text.split(',').map((name) => name.trim())
  const unknown = named.find((name) => !isRole(name))
  if (unknown === undefined) return SERVER_ROLES.filter((role) => named.includes(role))
  throw new CourantError('usage', {
    what: 'Invalid value for --roles.',
    why: `There is no role ${quote(unknown)}.`,
    todo: `Name some of ${SERVER_ROLES.join(', ')}, separated by commas${named.includes('inbound') ? '; inbound is not built yet' : ''}.`,
  })
}

const isRole = (name: string): name is ServerRole => SERVER_ROLES.some((role) => role === name)
