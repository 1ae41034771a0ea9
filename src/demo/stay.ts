import cron from 'node-cron'
import type { CommandContext } from '../commands/context.ts'
import type { SendReport } from '../commands/digest-send.ts'
import { startServer } from '../commands/serve.ts'
import type { Config } from '../config.ts'
import { collectDemo, type Demo } from './demo.ts'
import { answerMailbox } from './mailbox-pages.ts'

/** A newspaper publishes one of the articles held back every so many minutes, until none is left. */
const PUBLISH_EVERY = 3

/**
 * Keeps the demo running until `stopAsked`: the real server beside it, and every minute is everybody's hour, so that
 * who confirms by hand has a digest within the minute.
 */
export async function stay(
  context: CommandContext,
  running: Demo,
  config: Config,
  send: () => Promise<SendReport>,
  stopAsked: Promise<unknown>,
): Promise<void> {
  const { opened, mailbox, publications } = running
  const mounts = { '/mailbox': answerMailbox(mailbox) }
  const server = await startServer(config, opened, context.log(), context.clock, ['web', 'scheduler', 'worker'], {
    mounts,
  })
  const report = await send()
  context.print(placesOf(running, config, report), textOf(running, config, report))

  let minutes = 0
  let passing: Promise<unknown> = Promise.resolve()
  const pass = async () => {
    minutes += 1
    if (minutes % PUBLISH_EVERY === 0) publications.publish(context.clock.now())
    await collectDemo(opened, context.clock)
    await send()
  }
  const minute = cron.schedule(
    '* * * * *',
    () => {
      passing = pass().catch((error: unknown) => context.log().error({ reason: String(error) }, 'demo.minute'))
    },
    { noOverlap: true },
  )
  await stopAsked
  await minute.stop()
  await Promise.all([passing, server.stop()])
}

function placesOf({ mailbox, publications }: Demo, { baseUrl }: Config, { edition, sent }: SendReport) {
  return {
    edition,
    sent,
    subscribe: `${baseUrl}/subscribe`,
    mailbox: `${baseUrl}/mailbox`,
    newspapers: publications.url,
    smtp: mailbox.smtpUrl,
  }
}

function textOf(running: Demo, config: Config, report: SendReport): string {
  const places = placesOf(running, config, report)
  return [
    `${report.articles} articles from three newspapers became ${report.variants} digests for ${report.sent} readers.`,
    '',
    `Subscribe:  ${places.subscribe}`,
    `Mailbox:    ${places.mailbox}   every mail, the confirmation too`,
    `Newspapers: ${places.newspapers}   an article more every ${PUBLISH_EVERY} minutes`,
    '',
    'Subscribe with any address, find the confirmation in the mailbox and confirm: within a minute your first digest is there.',
    'In the demo every minute is everybody’s hour. Stop with Ctrl-C.',
  ].join('\n')
}
