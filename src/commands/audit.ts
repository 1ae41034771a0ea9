import type { Command } from 'commander'
import { auditOperations } from '../operations/audit.ts'
import { LISTED } from '../operations/fields.ts'
import type { CommandContext } from './shared/command-context.ts'
import { performOne } from './shared/run.ts'
import { wholeNumber } from './shared/values.ts'

/** Registers `courant audit list`. */
export function registerAudit(program: Command, context: CommandContext): void {
  program
    .command('audit')
    .description('see who changed what')
    .command('list')
    .description('list the latest changes')
    .option('--limit <n>', 'maximum number of rows', wholeNumber('--limit', 1, LISTED.most), LISTED.usual)
    .action(async (options: { limit: number }) => {
      for (const line of await performOne(context, auditOperations.list, options)) {
        const { at, actorName, operation, subject, details } = line
        context.printLine(line, [at, actorName, operation, subject ?? '', JSON.stringify(details)].join('\t'))
      }
    })
}
