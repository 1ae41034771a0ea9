import { once } from 'node:events'
import type { Command } from 'commander'
import type { CommandContext } from '../commands/shared/command-context.ts'
import { type Config, readConfig, readEnvironment } from '../config/config.ts'
import { requireDescriptors } from '../config/descriptors.ts'
import type { SendReport } from '../delivery/send-now.ts'
import { openLog } from '../log.ts'
import { digestOperations } from '../operations/digests.ts'
import { perform } from '../operations/perform.ts'
import type { Demo } from './demo.ts'

const CONNECTIONS = 5
const LOOPBACK = '127.0.0.1'

/** `courant demo [--once]`: the whole system on an embedded database of its own, with a local mailbox. */
export function registerDemo(program: Command, context: CommandContext): void {
  program
    .command('demo')
    .description('run the whole system on a database and a mailbox of its own')
    .option('--once', 'use free ports, exit after the sends and report what was sent')
    .action((options: { once?: boolean }) => demo(context, options.once === true))
}

async function demo(context: CommandContext, endAfter: boolean): Promise<void> {
  requireDescriptors('embedded')
  const stopAsked = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  const [{ DEMO_ACTOR, startDemo }, { keepRunning }, { findPort }, { openSender }] = await Promise.all([
    import('./demo.ts'),
    import('./keep-running.ts'),
    import('./serve-pages.ts'),
    import('../delivery/open-sender.ts'),
  ])
  const running = await startDemo(context.clock)
  try {
    const config = await settle(running, (wanted) => findPort(endAfter ? 0 : wanted.port, wanted.host))
    const log = openLog(config.logLevel)
    const own = { ...context, log: () => log }
    const sender = await openSender(config, log)
    const sending = {
      ...{ db: running.opened.db, clock: context.clock, config: () => config, log: () => log, sender },
      progress: (total: number | null) => context.progress(total, 'Sending'),
    }
    const send = () => perform(DEMO_ACTOR, digestOperations.send, { newsletter: running.newsletter }, sending)
    if (endAfter) answer(context, running, await send())
    else await keepRunning(own, running, config, send, stopAsked)
  } finally {
    await running.close()
  }
}

/** The demo's own settings, whatever the environment says but for host, port and log; its database keeps a secret of its own. */
async function settle(running: Demo, findPort: (wanted: Config) => Promise<number>): Promise<Config> {
  const { HOST, PORT, LOG_LEVEL } = readEnvironment()
  const wanted = readConfig({ DATABASE_URL: running.databaseUrl, HOST, PORT })
  const port = await findPort(wanted)
  return readConfig({
    DATABASE_URL: running.databaseUrl,
    SMTP_URL: `${running.mailbox.smtpUrl}?connections=${CONNECTIONS}`,
    ...(wanted.host === LOOPBACK && { BASE_URL: `http://${LOOPBACK}:${port}` }),
    HOST,
    PORT: String(port),
    COLLECT_ALLOW_PRIVATE: 'true',
    LOG_LEVEL: LOG_LEVEL ?? 'warn',
  })
}

function answer(context: CommandContext, running: Demo, report: SendReport): void {
  const { edition, articles, variants, sent, failed } = report
  const mailbox = running.mailbox.messages().map(({ to, subject, messageId }) => ({ to, subject, messageId }))
  const text = [
    `${articles} articles, ${variants} digests, ${sent} sent, ${failed} failed:`,
    ...mailbox.map((mail) => `  ${mail.to}  ${mail.subject}`),
  ].join('\n')
  context.print({ edition, articles, variants, sent, failed, mailbox }, text)
}
