import type { Command } from 'commander'
import type { CommandContext } from './shared/command-context.ts'

/** `courant notice resume`: confirmation mails that wait since too many were refused. */
export function registerNotice(program: Command, context: CommandContext): void {
  program
    .command('notice')
    .description('mails that ask readers to confirm')
    .command('resume')
    .description('let those go on that wait since too many were refused for good: they are tried again')
    .option('--accept-rejections', 'they are right: end these, and suppress each address')
    .action(async ({ acceptRejections = false }: { acceptRejections?: boolean }) => {
      const { resumeNotices } = await import('../delivery/notices/notice-rejections.ts')
      const count = await context.withDatabase((db) => resumeNotices(db, context.clock.now(), acceptRejections))
      const what = `${count.toLocaleString('en')} ${count === 1 ? 'mail' : 'mails'}`
      const text = acceptRejections
        ? `${what} ended, and the addresses suppressed.`
        : `${what} will be tried again at once.`
      context.print({ resumed: count, accepted: acceptRejections }, text)
    })
}
