import type { Command } from 'commander'
import type { Temporal } from '../clock.ts'
import { SUPPRESSION_REASONS, suppressionOperations } from '../operations/suppressions.ts'
import type { ListedSuppression } from '../subscribers/suppressions/lift-between.ts'
import type { CommandContext } from './shared/command-context.ts'
import { confirmOrAbort, isTerminal } from './shared/prompt.ts'
import { withOperations } from './shared/run.ts'
import { instantValue, lines, oneOf } from './shared/values.ts'

type ListOptions = {
  readonly since?: Temporal.Instant
  readonly until?: Temporal.Instant
  readonly reason?: (typeof SUPPRESSION_REASONS)[number]
}
type LiftOptions = {
  readonly since: Temporal.Instant
  readonly until: Temporal.Instant
  readonly reason: string
  readonly yes?: boolean
}

/** `courant suppression list|lift`: the addresses nothing goes to. */
export function registerSuppression(program: Command, context: CommandContext): void {
  const group = program.command('suppression').description('manage suppressed addresses')
  group
    .command('list')
    .description('list suppressions, oldest first: when, why and with what evidence')
    .option('--since <instant>', 'created at or after this instant', instantValue('--since'))
    .option('--until <instant>', 'created before this instant', instantValue('--until'))
    .option('--reason <reason>', SUPPRESSION_REASONS.join(', '), oneOf('--reason', SUPPRESSION_REASONS))
    .action((options: ListOptions) =>
      withOperations(context, async (perform) => {
        for await (const one of await perform(suppressionOperations.list, options)) context.printLine(one, lineOf(one))
      }),
    )
  group
    .command('lift')
    .description("lift what a relay's rejections suppressed in a period; complaints, blocks and erasures stay")
    .requiredOption('--since <instant>', 'created at or after this instant', instantValue('--since'))
    .requiredOption('--until <instant>', 'created before this instant', instantValue('--until'))
    .requiredOption('--reason <text>', 'reason, recorded for each reader', lines('--reason'))
    .option('--yes', 'skip the confirmation prompt; without it a script only counts')
    .action((options: LiftOptions) => lift(context, options))
}

function lineOf({ at, reason, email, evidence, askedAt }: ListedSuppression): string {
  const asked = askedAt === null ? '' : `asked to confirm ${askedAt}`
  return [at, reason, email ?? '', evidence ?? '', asked].join('\t')
}

async function lift(context: CommandContext, { since, until, reason, yes = false }: LiftOptions): Promise<void> {
  await withOperations(context, async (perform) => {
    const { found } = await perform(suppressionOperations.affected, { since, until })
    const many = `${found.toLocaleString('en')} ${found === 1 ? 'suppression' : 'suppressions'}`
    if (!yes && !isTerminal()) {
      context.print({ found, lifted: 0 }, `${many} would be lifted. Add --yes to lift them.`)
      return
    }
    if (!yes && found > 0) await confirmOrAbort(`Lift ${many}? Their readers are mailed again.`)
    const { lifted } = await perform(suppressionOperations.lift, { since, until, reason })
    context.print({ found, lifted }, `${lifted.toLocaleString('en')} lifted.`)
  })
}
