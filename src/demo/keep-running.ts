import cron from 'node-cron'
import type { CommandContext } from '../commands/shared/command-context.ts'
import type { Config } from '../config/config.ts'
import type { SendReport } from '../delivery/send-now.ts'
import { reasonOf } from '../errors.ts'
import { startServer } from '../server/server.ts'
import type { Demo } from './demo.ts'
import { answerMailbox } from './mailbox/mailbox-pages.ts'

/** A newspaper publishes one of the articles held back every so many minutes, until none is left. */
const PUBLISH_EVERY = 3

/**
 * Keeps the demo running until `stopAsked`: the real server beside it, and every minute is everybody's hour, so that
 * who confirms by hand has a digest within the minute.
 */
export async function keepRunning(
  context: Pick<CommandContext, 'log' | 'clock' | 'print'>,
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
  try {
    const report = await send()
    context.print(placesOf(running, config, report), textOf(running, config, report))
    const minutes = passEachMinute(async (minute) => {
      if (minute % PUBLISH_EVERY === 0) publications.publish(context.clock.now())
      await running.collect()
      await send()
    }, context)
    await stopAsked
    await minutes.stop()
  } finally {
    await server.stop()
  }
}

/** `stop` waits for the pass under way. */
function passEachMinute(pass: (minute: number) => Promise<void>, context: Pick<CommandContext, 'log'>) {
  let minute = 0
  let passing: Promise<void> = Promise.resolve()
  const run = () => {
    minute += 1
    passing = pass(minute).catch((error: unknown) => context.log().error({ reason: reasonOf(error) }, 'demo.minute'))
    return passing
  }
  const task = cron.schedule('* * * * *', run, { noOverlap: true })
  return {
    stop: async () => {
      await task.stop()
      await passing
    },
  }
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
