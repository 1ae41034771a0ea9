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
  const group = program.command('suppression').description('addresses nothing goes to')
  group
    .command('list')
    .description('a line each, the oldest first: when, why, and what was said')
    .option('--since <instant>', 'made from then on', instantValue('--since'))
    .option('--until <instant>', 'made before then', instantValue('--until'))
    .option('--reason <reason>', SUPPRESSION_REASONS.join(', '), oneOf('--reason', SUPPRESSION_REASONS))
    .action((options: ListOptions) =>
      withOperations(context, async (perform) => {
        for await (const one of await perform(suppressionOperations.list, options)) context.printLine(one, lineOf(one))
      }),
    )
  group
    .command('lift')
    .description("take back what a relay's refusals suppressed in a span of time; complaints, blocks and erasures stay")
    .requiredOption('--since <instant>', 'made from then on', instantValue('--since'))
    .requiredOption('--until <instant>', 'made before then', instantValue('--until'))
    .requiredOption('--reason <text>', 'why; it is kept with each reader', lines('--reason'))
    .option('--yes', 'do not ask; a script that leaves it out is told how many there are')
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
