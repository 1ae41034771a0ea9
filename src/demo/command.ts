import { once } from 'node:events'
import type { Command } from 'commander'
import type { CommandContext } from '../commands/context.ts'
import { type SendReport, sendNow } from '../commands/digest-send.ts'
import { openSender } from '../commands/sender.ts'
import { readConfig, readEnvironment } from '../config.ts'
import { openLog } from '../log.ts'
import { type Demo, startDemo } from './demo.ts'

const MAILBOX_PORT = 8025
const CONNECTIONS = 5

/** `courant demo [--once]`: the whole system on an embedded database of its own, with a local mailbox. */
export function registerDemo(program: Command, context: CommandContext): void {
  program
    .command('demo')
    .description('the whole system, on a database and a mailbox of its own')
    .option('--once', 'on free ports; end after the sends and say what was sent')
    .action((options: { once?: boolean }) => demo(context, options.once === true))
}

async function demo(context: CommandContext, endAfter: boolean): Promise<void> {
  const running = await startDemo(context.clock, endAfter ? 0 : MAILBOX_PORT)
  try {
    const report = await sendDemo(context, running)
    if (endAfter) return answer(context, running, report)
    context.print(
      { edition: report.edition, sent: report.sent, mailbox: `${running.pages.url}/mailbox` },
      [
        `${report.articles} articles from three newspapers became ${report.variants} digests for ${report.sent} readers.`,
        `Mailbox:    ${running.pages.url}/mailbox`,
        `Newspapers: ${running.publications.url}`,
        'Stop with Ctrl-C.',
      ].join('\n'),
    )
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  } finally {
    await running.close()
  }
}

/** The demo's own settings, whatever the environment says; its database keeps a secret of its own. */
async function sendDemo(context: CommandContext, running: Demo): Promise<SendReport> {
  const config = readConfig({
    DATABASE_URL: running.databaseUrl,
    SMTP_URL: `${running.mailbox.smtpUrl}?connections=${CONNECTIONS}`,
    BASE_URL: running.pages.url,
    LOG_LEVEL: readEnvironment().LOG_LEVEL ?? 'warn',
  })
  const log = openLog(config.logLevel)
  return sendNow(running.db, await openSender(config, log), { ...context, log: () => log }, running.newsletter.slug, {})
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
