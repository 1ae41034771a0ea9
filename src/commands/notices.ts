import type { Command } from 'commander'
import { noticeOperations } from '../operations/notices.ts'
import type { CommandContext } from './shared/command-context.ts'
import { performOne } from './shared/run.ts'

/** `courant notice resume`: confirmation mails that wait since too many were refused. */
export function registerNotice(program: Command, context: CommandContext): void {
  program
    .command('notice')
    .description('manage confirmation mails')
    .command('resume')
    .description('retry the mails postponed after too many permanent rejections')
    .option('--accept-rejections', 'accept the rejections instead: end the mails and suppress each address')
    .action(async (options: { acceptRejections?: boolean }) => {
      const { resumed, accepted } = await performOne(context, noticeOperations.resume, options)
      const what = `${resumed.toLocaleString('en')} ${resumed === 1 ? 'mail' : 'mails'}`
      const text = accepted ? `${what} ended, and the addresses suppressed.` : `${what} will be tried again at once.`
      context.print({ resumed, accepted }, text)
    })
}
